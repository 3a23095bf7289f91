//! Folders of `.arch` files on the command line.

mod common;

use common::{archc, folder};

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models");

#[test]
fn the_models_are_formatted_and_without_warnings() {
    archc("fmt --check", &[("", MODELS)]).fine();
    let checked = archc("check", &[("", MODELS)]).fine();
    let said = checked.stdout + &checked.stderr;
    assert!(!said.contains("warning"), "{said}");
    for file in ["dit.arch", "zigma.arch", "orders.arch"] {
        assert!(said.contains(file), "{said}");
    }
}

#[test]
fn what_is_measured_is_formatted_and_without_warnings() {
    let items = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/items");
    archc("fmt --check", &[("", items)]).fine();
    let checked = archc("check", &[("", items)]).fine();
    let said = checked.stdout + &checked.stderr;
    assert!(!said.contains("warning"), "{said}");
    assert!(said.contains("SiluGate") && said.contains("Scan"), "{said}");
}

#[test]
fn the_tests_of_all_models_pass() {
    let ran = archc("test", &[("", MODELS)]).fine();
    let said = ran.stdout + &ran.stderr;
    let last = said.lines().last().unwrap_or_default().to_string();
    assert!(last.ends_with("passed, 0 failed"), "{last}");
    let passed: usize = last.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default();
    assert!(passed >= 50, "{last}");
}

#[test]
fn a_folder_without_files_is_named() {
    let dir = folder();
    let said = archc("check", &[("", dir.path())]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(said.stderr.contains("no .arch files in it"), "{}", said.stderr);
    assert!(said.stderr.contains(&dir.path().display().to_string()), "{}", said.stderr);
}
