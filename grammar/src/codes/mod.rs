//! The pages behind `archc explain`: one Markdown file for each code of this crate.
//!
//! A page has a title line `# A0007: …`, says what the message means, and shows a text that is wrong and one
//! that is right. Tests run both.

/// The pages of some codes, each under its name: `A0007.md` beside the file that says so.
#[macro_export]
macro_rules! code_pages {
    ($($code:literal)*) => {
        &[$(($code, include_str!(concat!($code, ".md")))),*]
    };
}

/// All codes of this crate with their pages, in order.
#[must_use]
pub fn code_docs() -> &'static [(&'static str, &'static str)] {
    code_pages! {
        "A0001" "A0002" "A0003" "A0004" "A0005" "A0006"
        "A0007" "A0008" "A0009" "A0010" "A0011" "A0012"
        "A0013" "A0014" "A0015" "A0016" "A0017" "A0018"
        "A0019" "A0020" "A0021" "A0022" "A0023" "A0024"
        "A0025" "A0026" "A0027" "A0028" "A0029" "A0030"
    }
}
