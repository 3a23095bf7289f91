//! Sizes beyond what 32 or 64 bits count, and beyond what a machine has: refused by every command and form, with the
//! numbers and a way out.

use super::words;
use crate::common::{Ran, folder};
use std::path::PathBuf;

/// A file of its own with a model of these sizes.
fn model(folder: &std::path::Path, a: &str, b: &str) -> PathBuf {
    let path = folder.join("net.arch");
    let text = format!(
        "edition 2026\n\nmodel Net {{\n  dims A = {a}, B = {b}\n  param w: [A, B] = zeros\n\n  \
         forward(x: [A]) -> [B] {{ sum(exp(x) * w, over: A) }}\n}}\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn more_elements_than_can_be_counted() {
    let base = folder();
    let path = model(base.path(), "4_000_000_000", "4_000_000_000");
    for command in ["check", "report", "bench forward", "bench forward --form interpreter"] {
        let ran = words(&format!("{command} {}", path.display()));
        ran.fails(1, &["error[A0207]", "16000000000000000000 elements", "A = 4000000000", "shorter"]);
    }
}

#[test]
fn a_batch_of_which_cannot_be_counted() {
    let base = folder();
    let path = model(base.path(), "4_000_000_000", "2_000_000");
    let file = path.display();
    let at_most = |ran: Ran| {
        assert!(matches!(ran.code, Some(1 | 2)), "{}", ran.stderr);
        for part in [
            "batch, A = 4000000000",
            "B = 2000000",
            "8000000000000000000000",
            "make axes or the batch smaller",
        ] {
            assert!(ran.stderr.contains(part), "`{part}` is missing in {}", ran.stderr);
        }
    };
    let out = base.path().join("out");
    let out = out.display();
    for command in [
        format!("dev {file} --stage kernels --batch 1000000"),
        format!("report {file} --kernels --batch 1000000"),
        format!("kernels {file} --target c --out {out} --batch 1000000"),
        format!("kernels {file} --target cuda --out {out} --batch 1000000"),
        format!("bench forward {file} --batch 1000000"),
    ] {
        at_most(words(&command));
    }
}

#[test]
fn more_than_the_machine_has() {
    let base = folder();
    let path = model(base.path(), "4_000_000_000", "2_000");
    for form in ["executing", "primitive", "interpreter"] {
        let ran = words(&format!("bench forward {} --form {form}", path.display()));
        assert_eq!(ran.code, Some(1), "{form}: {}", ran.stderr);
        for part in ["error[R000", "--form interpreter"].iter().take(if form == "primitive" { 2 } else { 1 })
        {
            assert!(ran.stderr.contains(part), "{form}: `{part}` is missing in {}", ran.stderr);
        }
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}
