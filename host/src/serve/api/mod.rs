//! The paths of the API, and what requests and answers have in common. `openapi.json` describes them.

mod body;
mod contexts;
pub(super) mod page;
mod predict;
mod prompt;
mod runs;
mod state;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::shared::Shared;

/// All paths with their methods.
pub(super) fn routes() -> Router<Arc<Shared>> {
    page::routes()
        .route("/openapi.json", get(state::description))
        .route("/healthz", get(state::health))
        .route("/metrics", get(state::metrics))
        .route("/v1/plugins", get(state::plugins))
        .route("/v1/contexts", get(contexts::list))
        .route("/v1/predict", post(predict::predict))
        .route("/v1/prompt", post(prompt::show))
        .route("/v1/runs", get(runs::list).post(runs::start))
        .route("/v1/runs/{id}", get(runs::show).delete(runs::end))
        .route("/v1/runs/{id}/events", get(runs::events))
        .route("/v1/runs/{id}/context", post(runs::save))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    /// Paths and methods as the source above has them, and as the description has them.
    #[test]
    fn the_description_has_all_paths_and_no_others() {
        let source = include_str!("mod.rs");
        let mut routes: Vec<(String, String)> = Vec::new();
        for line in source.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
            let (path, methods) = line.split_once("\", ").unwrap();
            for method in ["get", "post", "delete"] {
                if methods.starts_with(&format!("{method}(")) || methods.contains(&format!(").{method}(")) {
                    routes.push((path.to_owned(), method.to_owned()));
                }
            }
        }
        routes.push(("/".to_owned(), "get".to_owned()));
        routes.sort();
        let description: Value = serde_json::from_str(super::state::OPENAPI).unwrap();
        let mut described: Vec<(String, String)> = Vec::new();
        for (path, methods) in description["paths"].as_object().unwrap() {
            described.extend(methods.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())));
        }
        described.sort();
        assert_eq!(described, routes);
    }

    /// Every reference of the description leads somewhere, and every operation says what it answers.
    #[test]
    fn the_description_is_whole() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(Value::as_str));
                    map.values().for_each(|value| references(value, found));
                }
                Value::Array(values) => values.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let description: Value = serde_json::from_str(super::state::OPENAPI).unwrap();
        assert_eq!(description["openapi"], "3.1.0");
        let mut found = Vec::new();
        references(&description, &mut found);
        assert!(found.len() > 20, "{found:?}");
        for reference in found {
            assert!(description.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
        for (path, methods) in description["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path}");
                assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path}");
            }
        }
    }
}
