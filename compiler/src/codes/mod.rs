//! The pages behind `archc explain`: one Markdown file for each code of the checker, and with them those of
//! the grammar.

/// All codes of the checker with their pages, in order.
#[must_use]
pub fn code_docs() -> &'static [(&'static str, &'static str)] {
    arch_grammar::code_pages! {
        "A0101" "A0102" "A0103" "A0104" "A0105" "A0106"
        "A0107" "A0108" "A0109" "A0201" "A0202" "A0203"
        "A0204" "A0205" "A0206" "A0207" "A0208" "A0209"
        "A0210" "A0211" "A0301" "A0302" "A0303" "A0304"
        "A0305" "A0306" "A0307" "A0308" "A0309" "A0310"
        "A0311" "A0312" "A0313" "A0314" "A0315" "A0316"
        "A0317" "A0318" "A0319" "A0401" "A0402" "A0403"
        "A0404" "A0405" "A0406" "A0407" "A0408" "A0409"
        "A0410" "A0411" "A0501" "A0502" "A0503" "A0504"
        "A0505" "A0506" "A0507" "A0508" "A0509" "A0591"
        "A0592" "A0601" "A0602" "A0603" "A0901" "A0902"
        "A0903" "A0904" "A0905" "A0906" "A0907" "A0908"
        "A0909" "A0999"
    }
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
