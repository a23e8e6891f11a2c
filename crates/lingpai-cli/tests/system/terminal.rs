//! A command at a terminal, with somebody who reads and types.

use std::process::Command;

use serde_json::json;

/// Runs a command at a terminal of its own. Each step is a text that is waited for, and what is typed then. Whether it went
/// well, and all that the terminal showed.
pub(crate) fn at_terminal(command: &Command, steps: &[(&str, &str)]) -> (bool, String) {
    let mut python = Command::new("python3");
    python.arg("-c").arg(include_str!("terminal.py"));
    python.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        python.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => python.env(name, value),
            None => python.env_remove(name),
        };
    }
    let steps: Vec<_> =
        steps.iter().map(|(text, typed)| json!([text, format!("{typed}\n")])).collect();
    let output = python.env("STEPS", json!(steps).to_string()).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(failed.is_empty(), "{failed}");
    (output.status.success(), shown)
}
