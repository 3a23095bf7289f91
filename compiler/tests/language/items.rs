//! `test` items: what they can say, and what they answer when something does not hold.

use arch_compiler::check::tests::{Counts, NoCounts, TestResult, Uncounted, run};
use arch_compiler::check::{NoFiles, Provider};
use arch_compiler::library;
use arch_compiler::program::Program;

fn results(name: &str, text: &str) -> Vec<TestResult> {
    run(&NoFiles as &dyn Provider, name, text, None, &NoCounts)
}

fn said(result: &TestResult) -> String {
    arch_grammar::render(&result.diagnostics, &result.sources, false)
}

/// The one test of a text.
fn one(text: &str) -> TestResult {
    results("test.arch", &format!("edition 2026\n{text}")).pop().unwrap()
}

#[track_caller]
fn passes(text: &str) {
    let result = one(text);
    assert!(result.passed, "{}", said(&result));
}

/// What a failing test says.
#[track_caller]
fn fails(text: &str) -> String {
    let result = one(text);
    assert!(!result.passed, "this passes:\n{text}");
    said(&result)
}

#[test]
fn the_tests_of_the_library_pass() {
    let mut count = 0;
    for (name, text) in library::ZOO {
        for result in results(&format!("{name}.arch"), text) {
            assert!(result.passed, "{name}: {}\n{}", result.name, said(&result));
            count += 1;
        }
    }
    assert!(count >= 10, "{count} tests");
}

#[test]
fn numbers_are_compared_at_once() {
    passes("test \"t\" with (T: 4) { assert T == 2 + 2; assert T / 8 < 1; assert not (T > 5) and T != 3 }");
    let text = fails("test \"t\" with (T: 1000) { assert T * 3 == 2_000 }");
    assert!(text.contains("A0601") && text.contains("T * 3 = 3_000"), "{text}");
}

#[test]
fn tensors_are_compared_after_the_run() {
    passes(
        "test \"t\" with (T: 4) { let x = normal(T); assert close(2 * x, x + x); assert close(x - x, 0) }",
    );
    passes("test \"t\" with (T: 4) { assert sum(ones(T), over: T) == 4; assert uniform(T) < 1 }");
    passes("test \"t\" with (T: 4) { let x = normal(T); assert close(x, x + 1e-4, tolerance: 1e-3) }");
    let text = fails("test \"t\" with (S: 2, T: 3) { assert close(zeros(S, T), 0.5 * iota(S) * iota(T)) }");
    for part in ["furthest apart at S = 1, T = 2", "left = 0.0", "right = 1.0", "2 of 6 elements"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = fails("test \"t\" with (S: 2, T: 2) { assert close(zeros(S), zeros(T)) }");
    assert!(text.contains("A0301"), "{text}");
}

#[test]
fn layers_are_declared_and_called() {
    let head = "import std.{linear, mlp}";
    passes(&format!(
        "{head}\ntest \"t\" with (D: 4, F: 3, T: 2) {{
           let f = linear(D -> F)
           let g = linear(D -> F, init: zeros)
           let fs = linear(D -> D) repeat 3
           let x = normal(T, D)
           assert close(f(x), f(x))
           assert close(g(x), 0)
           let y = fs[2](x)
           assert params(f) == 15
           assert params(fs) == 60
           assert macs(f) == 2 * 4 * 3
         }}"
    ));
    // Two layers of one kind have numbers of their own.
    let text = fails(&format!(
        "{head}\ntest \"t\" with (D: 4) {{
           let (x, y) = (normal(D), normal(D))
           let f = linear(D -> D)
           let g = linear(D -> D)
           assert close(f(x), g(x))
         }}"
    ));
    assert!(text.contains("4 of 4 elements"), "{text}");
    let text =
        fails(&format!("{head}\ntest \"t\" with (D: 4) {{ let f = linear(D -> D); assert macs(f) == 16 }}"));
    assert!(text.contains("has not been called yet"), "{text}");
}

#[test]
fn a_test_gives_the_same_numbers_every_time() {
    let text = "test \"t\" with (D: 4) { assert close(normal(D), 100) }";
    assert_eq!(fails(text), fails(text));
    assert_ne!(fails(text), fails(&text.replace("\"t\"", "\"u\"")));
}

const MODEL: &str = "import std.{linear}
model M(D = width) {
  preset S { width: 4 }
  config width: int
  config twice: int = 0 @preset_suffix
  f = linear(D -> D, bias: false)
  g = linear(D -> D, bias: false)
  forward(x: [D]) -> [D] { if twice == 1 { g(f(x)) } else { f(x) } }
}
";

#[test]
fn a_test_of_a_model_speaks_of_its_program() {
    passes(&format!(
        "{MODEL}test \"t\" of M preset S/1 deny(unused) {{ assert params == 32; assert macs(forward) == 32 }}"
    ));
    passes(&format!(
        "{MODEL}test \"t\" of M set(width: 8) {{ assert params == 128; assert macs(forward) == 64 }}"
    ));
    passes(&format!("{MODEL}test \"t\" of M with (D: 3) {{ assert params == 18 }}"));
    let text = fails(&format!("{MODEL}test \"t\" of M preset S deny(unused) {{ assert params == 32 }}"));
    assert!(text.contains("layer `g` of `M` is never used"), "{text}");
    let text = fails(&format!("{MODEL}test \"t\" of M preset L {{ assert params == 32 }}"));
    assert!(text.contains("A0208"), "{text}");
    let text = fails(&format!("{MODEL}test \"t\" of M preset S deny(everything) {{ assert params == 32 }}"));
    assert!(text.contains("A0602"), "{text}");
}

struct Three;

impl Counts for Three {
    fn count(&self, program: &Program, what: &str, pass: &str) -> Result<u64, Uncounted> {
        let known = program.item == "M" && what == "kernels" && pass == "train";
        if known { Ok(3) } else { Err(Uncounted::Refused("it has no sizes".into())) }
    }
}

#[test]
fn kernels_are_counted_by_whoever_knows_them() {
    let text = format!("edition 2026\n{MODEL}test \"t\" of M preset S {{ assert kernels(train) <= 3 }}");
    let ran = run(&NoFiles, "test.arch", &text, None, &Three).pop().unwrap();
    assert!(ran.passed, "{}", said(&ran));
    let ran = results("test.arch", &text).pop().unwrap();
    assert!(said(&ran).contains("`kernels(train)` is not known here"), "{}", said(&ran));
    let text = text.replace("train", "forward");
    let ran = run(&NoFiles, "test.arch", &text, None, &Three).pop().unwrap();
    assert!(said(&ran).contains("`kernels(forward)` cannot be counted: it has no sizes"), "{}", said(&ran));
}

#[test]
fn tests_are_chosen_by_name_and_a_broken_file_is_said() {
    let text = "edition 2026\ntest \"one\" { assert 1 == 1 }\ntest \"other\" { assert 1 == 2 }";
    let chosen = run(&NoFiles, "test.arch", text, Some("on"), &NoCounts);
    assert_eq!(chosen.iter().map(|r| (r.name.as_str(), r.passed)).collect::<Vec<_>>(), [("one", true)]);
    assert_eq!(results("test.arch", text).len(), 2);
    let broken = results("test.arch", "edition 2026\ntest \"one\" { assert 1 == }");
    assert!(!broken[0].passed && broken[0].name == "test.arch");
}

#[test]
fn what_stands_elsewhere_is_refused() {
    assert!(fails("test \"t\" { 1 + 1 }").contains("A0409"));
    assert!(fails("test \"t\" { assert 1 }").contains("A0603"));
    assert!(fails("test \"t\" { assert close(1) }").contains("A0603"));
    assert!(fails("test \"t\" with (D: 0) { assert D == 0 }").contains("A0207"));
    assert!(fails("test \"t\" { assert macs(forward) == 0 }").contains("A0602"));
}
