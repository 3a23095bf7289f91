//! What a stranger wrote who knew the language and none of the rules: 438 texts of seven blocks, each held against its base
//! by the interpreter when it was written. Those that still have kernels of their own are listed in `texts/differ.txt`, so
//! that no text changes sides unseen. A text may say `// axis T is L`: it calls an axis otherwise.

use super::{Compiled, lowered};
use arch_compiler::check::{NoFiles, Request, compile};

const DIFFER: &str = include_str!("texts/differ.txt");

/// The sizes of open axes.
const SIZES: [(&str, usize); 8] =
    [("D", 16), ("T", 6), ("F", 24), ("E", 8), ("R", 3), ("N", 4), ("H", 2), ("P", 8)];

/// The texts of a family by name, the base first.
fn texts(file: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    file.split("=== ").skip(1).filter_map(|part| part.split_once('\n'))
}

fn kernels(text: &str, backward: bool) -> String {
    let text = format!("edition 2026\n{text}");
    let called = |axis: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(&format!("// axis {axis} is ")));
        line.unwrap_or(axis).trim().to_string()
    };
    let mut request = Request { item: Some("Main".into()), ..Request::default() };
    // The checker asks for one open axis after the other.
    let outcome = loop {
        let outcome = compile(&NoFiles, "text", &text, &request);
        let asked =
            |axis: &str| outcome.diagnostics.iter().any(|d| d.title.contains(&format!("axis `{axis}`")));
        let sizes = SIZES.iter().map(|(axis, size)| (called(axis), *size));
        let next = sizes.filter(|(axis, _)| asked(axis)).find(|d| !request.dims.contains(d));
        match next {
            Some(size) if outcome.program.is_none() => request.dims.push(size),
            _ => break outcome,
        }
    };
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    let mut program = outcome.program.unwrap_or_else(|| panic!("{said}\n{text}"));
    let Compiled { kernels, .. } = lowered(&mut program.module, program.entry, backward);
    // Headers say what axes and values are called in the text.
    let lines = kernels.lines().filter(|line| !line.starts_with("/*"));
    lines.collect::<Vec<_>>().join("\n")
}

fn check(family: &str, file: &'static str) {
    let mut all = texts(file);
    let base = all.next().expect("a family has a base").1;
    let wanted = [false, true].map(|backward| kernels(base, backward));
    let (mut others, mut count) = (Vec::new(), 0);
    for (name, text) in all {
        count += 1;
        let is_listed = DIFFER.lines().any(|line| line == format!("{family}/{name}"));
        let is_equal = [false, true].iter().zip(&wanted).all(|(backward, w)| kernels(text, *backward) == *w);
        if is_listed == is_equal {
            others.push(format!("{name} {}", if is_equal { "is no longer another" } else { "differs" }));
        }
    }
    assert!(count >= 20, "{family} has {count} spellings");
    assert!(others.is_empty(), "{family}: {others:#?}");
}

macro_rules! families {
    ($($family:ident)*) => { $(
        #[test]
        fn $family() {
            check(stringify!($family), include_str!(concat!("texts/", stringify!($family), ".txt")));
        }
    )* };
}

families! { s4d attention rmsgemm rmsmlp mamba ssd adaln }
