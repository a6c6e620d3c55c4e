//! docs/your-task.md as a reader follows it: its files, its commands in order, and what it says of them.

use crate::support::*;

const PAGE: &str = include_str!("../../../docs/your-task.md");

/// The contents of the file that the page shows behind its name.
fn file(name: &str) -> &'static str {
    let (_, behind) = PAGE.split_once(&format!("\n`{name}`:\n\n```")).unwrap_or_else(|| panic!("no file `{name}`"));
    let (_, text) = behind.split_once('\n').unwrap();
    text.split("```").next().unwrap()
}

/// The page's commands, each as its words behind the program's name.
fn commands() -> Vec<Vec<&'static str>> {
    let blocks = PAGE.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(|line| line.strip_prefix("ft-host ").unwrap().split(' ').collect()).collect()
}

/// A folder with the page's files, the plugins that it needs, and the tiny model.
fn place() -> Place {
    let place = Place::with_model();
    for name in ["template", "momentum"] {
        place.write(&format!("plugins/{name}.wasm"), std::fs::read(guest(name)).unwrap());
    }
    place.write("moods.csv", file("moods.csv"));
    place.write("moods.toml", file("moods.toml"));
    place.write("mmlu.toml", include_str!("../../../tasks/mmlu/mmlu.toml"));
    place.write("arc.toml", include_str!("../../../tasks/arc/arc.toml"));
    place
}

#[test]
fn every_command_of_the_page_runs() {
    let place = place();
    let commands = commands();
    assert_eq!(commands.len(), 7, "{commands:?}");
    for command in commands {
        let small: &[&str] = match command[0] {
            "run" => &["--model", "model", "--steps", "2", "--select", "last"],
            "task" if command[1] == "check" => &["--model", "model"],
            _ => &[],
        };
        place.host(&[&command[..], small].concat()).good();
    }
    let scored = |run: &str| place.json(&format!("runs/{run}/results.json"))["evaluation_rows"].clone();
    // Twelve rows, four of them demonstrations.
    assert_eq!((scored("moods"), scored("guessed")), (8.into(), 8.into()));
    let mmlu = place.json("runs/mmlu/results.json");
    assert_eq!(mmlu["options"]["task"]["parameters"], "{\"subject\":\"anatomy\"}");
    assert!(mmlu["description"].as_str().unwrap().contains("about anatomy"), "{mmlu}");
    let arc = place.json("runs/arc-all/group.json");
    assert_eq!(arc["subtasks"], serde_json::json!([{"name": "arc-easy"}, {"name": "arc-challenge"}]));
    assert_eq!(scored("arc-all/arc-challenge"), 10);
}

#[test]
fn rows_of_another_subject_are_none_of_the_task_s() {
    let place = place();
    let run = |subject: &str| {
        let subject = format!("subject={subject}");
        let small = ["--model", "model", "--data", "sample", "--steps", "2", "--select", "last", "--limit", "2"];
        let shown = ["--sampling", "first", "--shots", "1"];
        place.host(&[&["run", "--task", "mmlu.toml", "-T", &subject][..], &small, &shown].concat())
    };
    let unsought = "the task's configuration `anatomy` is not looked for in a folder or a sample";
    let notes = |run: &str| place.json(&format!("runs/{run}/results.json"))["notes"].to_string();
    run("anatomy").good();
    assert!(notes("mmlu").contains(unsought), "{}", notes("mmlu"));
    run("astronomy").failed(2, &["rows of the demonstrations split are none of the task's"]);
}

#[test]
fn ten_lines_are_ten_lines_and_guessing_gives_the_same_prompts() {
    let place = place();
    assert!(file("moods.toml").lines().count() <= 10, "{}", file("moods.toml"));
    place.host(&["task", "new", "guessed.toml", "--from", "moods.csv"]).good();
    let prompts = |definition: &str| {
        let prompt = ["prompt", "--task", definition, "--model", "model", "--shots", "2"];
        place.host(&prompt).good().stdout
    };
    let (ten, guessed) = (prompts("moods.toml"), prompts("guessed.toml"));
    assert!(ten.contains("Mood"), "{ten}");
    assert_eq!(ten, guessed);
}

#[test]
fn a_wrong_row_is_told_as_the_page_shows_it() {
    let place = place();
    place.write("moods.csv", file("moods.csv").replacen(",glad", ",happy", 1));
    let error = PAGE.lines().find(|line| line.starts_with("error: ")).unwrap();
    place.host(&["run", "--task", "moods.toml", "--model", "model", "--shots", "2"]).failed(2, &[error]);
}

#[test]
fn the_page_shows_the_definition_of_sst2_as_it_is() {
    let shown = include_str!("../../../plugins/template/examples/sst2.toml");
    assert!(PAGE.contains(&format!("```toml\n{shown}```")), "docs/your-task.md shows another definition of SST-2");
}
