//! The projects that `archc new` begins with.

use arch_compiler::check::tests::{NoCounts, run};
use arch_compiler::check::{NoFiles, Request, check_file, compile};
use arch_compiler::program::Role;

const TEMPLATES: [(&str, &str); 2] = [
    ("dit", include_str!("../../../templates/dit/backbone.arch")),
    ("mamba", include_str!("../../../templates/mamba/backbone.arch")),
];

#[test]
fn templates_check_without_a_word() {
    for (name, text) in TEMPLATES {
        let outcome = check_file(&NoFiles, "backbone.arch", text, &Request::default());
        let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
        assert!(outcome.diagnostics.is_empty(), "{name}\n{said}");
        assert!(outcome.checked.iter().any(|c| c == "Backbone preset tiny"), "{:?}", outcome.checked);
    }
}

#[test]
fn the_tests_of_templates_pass() {
    for (name, text) in TEMPLATES {
        for result in run(&NoFiles, "backbone.arch", text, None, &NoCounts) {
            let said = arch_grammar::render(&result.diagnostics, &result.sources, false);
            assert!(result.passed, "{name}: {}\n{said}", result.name);
        }
    }
}

#[test]
fn templates_have_what_training_asks_for() {
    for (name, text) in TEMPLATES {
        let request = Request { preset: Some("tiny".into()), training: true, ..Request::default() };
        let program = compile(&NoFiles, "backbone.arch", text, &request).program.unwrap();
        let roles: Vec<_> = program.inputs.iter().map(|i| i.role).collect();
        assert_eq!(roles, [Some(Role::Noisy), Some(Role::Timestep), Some(Role::Label)], "{name}");
        assert_eq!((program.inputs[2].null, program.inputs[2].below), (Some(10), Some(11)), "{name}");
    }
}

#[test]
fn models_and_templates_are_formatted() {
    let library = arch_compiler::library::STD.iter().chain(arch_compiler::library::ZOO);
    for (name, text) in TEMPLATES.iter().chain(library) {
        match arch_grammar::format(text) {
            Ok(formatted) => assert!(formatted == *text, "{name} is not formatted:\n{formatted}"),
            Err(_) => panic!("{name} does not parse"),
        }
    }
}
