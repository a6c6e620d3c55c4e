//! Answers of a real server, held to the description of the API that it gives.

use serde_json::{Value, json};

use crate::runs::{get, post, run, start, wait_for};
use crate::served::{Served, connect};

/// Holds values to schemas: the part of JSON Schema that the description uses.
struct Description(Value);

impl Description {
    /// What is wrong with a value, by its place in it; nothing if it is as the schema says. Properties that the schema does not have
    /// are allowed, as JSON Schema has it.
    fn faults(&self, schema: &Value, value: &Value, place: &str) -> Vec<String> {
        let Some(schema) = schema.as_object() else { return vec![format!("{place}: no schema {schema}")] };
        let mut faults = Vec::new();
        for (word, of_word) in schema {
            match word.as_str() {
                "$ref" => {
                    let found = self.0.pointer(of_word.as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
                    faults.extend(self.faults(found, value, place));
                }
                "allOf" => {
                    let all = of_word.as_array().unwrap().iter();
                    faults.extend(all.flat_map(|schema| self.faults(schema, value, place)));
                }
                "type" => {
                    let is_one = |name: &str| match name {
                        "object" => value.is_object(),
                        "array" => value.is_array(),
                        "string" => value.is_string(),
                        "boolean" => value.is_boolean(),
                        "null" => value.is_null(),
                        "number" => value.is_number(),
                        "integer" => value.is_i64() || value.is_u64(),
                        name => panic!("an unknown type `{name}`"),
                    };
                    let fits = match of_word {
                        Value::Array(names) => names.iter().any(|name| is_one(name.as_str().unwrap())),
                        name => is_one(name.as_str().unwrap()),
                    };
                    if !fits {
                        faults.push(format!("{place}: expected {of_word}, got {value}"));
                    }
                }
                "enum" if !of_word.as_array().unwrap().contains(value) => {
                    faults.push(format!("{place}: expected one of {of_word}, got {value}"));
                }
                "const" if of_word != value => faults.push(format!("{place}: expected {of_word}, got {value}")),
                "minimum" if value.as_f64().is_some_and(|number| number < of_word.as_f64().unwrap()) => {
                    faults.push(format!("{place}: expected {of_word} or more, got {value}"));
                }
                "required" => {
                    let missing =
                        of_word.as_array().unwrap().iter().filter(|name| value.get(name.as_str().unwrap()).is_none());
                    faults.extend(missing.map(|name| format!("{place}: expected {name}, got none")));
                }
                "properties" => {
                    for (name, schema) in of_word.as_object().unwrap() {
                        let found = value.get(name).map(|value| self.faults(schema, value, &format!("{place}/{name}")));
                        faults.extend(found.into_iter().flatten());
                    }
                }
                "items" => {
                    let items = value.as_array().into_iter().flatten().enumerate();
                    faults.extend(
                        items.flat_map(|(index, item)| self.faults(of_word, item, &format!("{place}/{index}"))),
                    );
                }
                // What says how many there are, or what it is for.
                _ => {}
            }
        }
        faults
    }

    /// Holds an answer of a path to the description.
    fn holds(&self, method: &str, path: &str, status: u16, answer: &Value) {
        let responses = &self.0["paths"][path][method]["responses"];
        let response = &responses[status.to_string()];
        let response = match response["$ref"].as_str() {
            Some(place) => self.0.pointer(place.strip_prefix('#').unwrap()).unwrap(),
            None => response,
        };
        let schema = &response["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {path} has no answer {status}: {responses}");
        let faults = self.faults(schema, answer, "");
        assert!(faults.is_empty(), "{method} {path} {status}: {faults:?}");
    }
}

#[test]
fn answers_are_as_they_are_described() {
    let served = Served::new(1, 30);
    let server = start(&served, &["--folder", "one"]);
    let mut connection = connect(&server);
    let description = Description(get(&mut connection, "/openapi.json").json().unwrap());
    // A check that finds nothing would be none.
    let scores = json!({ "seed": 0, "step": "one", "n": 3, "correct": 1, "accuracy": 0.3 });
    let schema = json!({ "$ref": "#/components/schemas/Scores" });
    let faults = description.faults(&schema, &scores, "");
    assert_eq!(faults.len(), 2, "{faults:?}");

    let id = run(&mut connection, 3, 8);
    let queued = get(&mut connection, "/v1/runs").json().unwrap();
    description.holds("get", "/v1/runs", 200, &queued);
    let whole = wait_for(&mut connection, &id, "done");
    description.holds("get", "/v1/runs/{id}", 200, &whole);
    assert!(!whole["trace"].as_array().unwrap().is_empty() && !whole["scores"].as_array().unwrap().is_empty());
    for path in ["/healthz", "/v1/plugins", "/v1/contexts", "/v1/runs"] {
        let answer = get(&mut connection, path);
        description.holds("get", path, answer.status, &answer.json().unwrap());
    }
    let step = format!("runs/{id}/2");
    let posts = [
        ("/v1/predict", "/v1/predict", json!({ "contexts": ["moods"], "texts": ["a"] }), 200),
        ("/v1/predict", "/v1/predict", json!({ "contexts": ["moods", step], "texts": ["a"] }), 200),
        ("/v1/predict", "/v1/predict", json!({ "contexts": ["moods"], "rows": [{ "sentence": "a" }, {}] }), 200),
        ("/v1/predict", "/v1/predict", json!({ "contexts": ["none"], "texts": ["a"] }), 404),
        ("/v1/prompt", "/v1/prompt", json!({ "options": { "task": "sst2", "data": ["sample"] }, "index": 1 }), 200),
        (
            "/v1/prompt",
            "/v1/prompt",
            json!({ "options": { "task": "sst2", "data": ["sample"] }, "index": 100_000 }),
            422,
        ),
        ("/v1/runs", "/v1/runs", json!({ "kind": "tune", "options": { "task": "sst2", "steps": "x" } }), 400),
        ("/v1/runs/{id}/context", "/v1/runs/r1/context", json!({ "name": "kept" }), 201),
        ("/v1/runs/{id}/context", "/v1/runs/r1/context", json!({ "name": "kept" }), 409),
    ];
    for (described, path, body, status) in posts {
        let answer = post(&mut connection, path, body.clone());
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
        description.holds("post", described, status, &answer.json().unwrap());
    }
    let stopped = run(&mut connection, 5000, 100);
    let path = format!("/v1/runs/{stopped}");
    let answer = connection.request("DELETE", &path, &[], b"").unwrap();
    description.holds("delete", "/v1/runs/{id}", 202, &answer.json().unwrap());
}
