//! Whole files parse without a word.

use arch_grammar::{FileId, parse};

const SAMPLES: [(&str, &str, usize); 3] = [
    ("dit", include_str!("samples/dit.arch"), 4),
    ("mamba", include_str!("samples/mamba.arch"), 1),
    ("shapes_of_the_rest", include_str!("samples/shapes_of_the_rest.arch"), 4),
];

#[test]
fn samples_parse() {
    for (name, text, items) in SAMPLES {
        let (file, problems) = parse(FileId(0), text);
        assert_eq!(problems, Vec::new(), "{name}");
        assert_eq!(file.items.len(), items, "{name}");
        assert!(file.edition.is_some_and(|e| e.year == 2026), "{name}");
    }
}
