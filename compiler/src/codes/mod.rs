//! The pages behind `archc explain`: one Markdown file for each code of the checker, and with them those of
//! the grammar.

/// The page of a code, under its name.
macro_rules! pages {
    ($($code:literal)*) => {
        &[$(($code, include_str!(concat!($code, ".md")))),*]
    };
}

/// All codes of the checker with their pages, in order.
#[must_use]
pub fn code_docs() -> &'static [(&'static str, &'static str)] {
    pages! {}
}

/// All codes there are with their pages, in order.
#[must_use]
pub fn all() -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<_> = arch_grammar::code_docs().iter().chain(code_docs()).copied().collect();
    all.sort_unstable_by_key(|(code, _)| *code);
    all
}

/// The page of one code; letters may be small.
#[must_use]
pub fn explain(code: &str) -> Option<&'static str> {
    all().into_iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, page)| page)
}
