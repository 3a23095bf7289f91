//! The layout of messages.

use arch_grammar::{Diagnostic, Sources, Span, render, report};

fn source() -> (Sources, Span, Span) {
    let mut sources = Sources::default();
    let text = "model A {\n  config heads: int\n\n  blocks = DitBlock(heads: heads) repeat depth\n}\n";
    let file = sources.add("models/my_dit.arch", text);
    let at = |part: &str| {
        let start = text.find(part).unwrap();
        Span::new(file, start, start + part.len())
    };
    (sources, at("DitBlock"), at("heads: int"))
}

#[test]
fn a_message_with_everything() {
    let (mut sources, block, heads) = source();
    let other = sources.add("lib/x.arch", "preset B { D: 768 }\n");
    let diagnostic = Diagnostic::error("A0203", "width 768 does not divide into 10 heads", block)
        .label("needs D % heads == 0")
        .also(heads, "declared here")
        .also(Span::new(other, 11, 12), "set here")
        .fact("D = 768", "from preset B (lib/x.arch:1)")
        .fact("heads = 10", "from the command line (--set heads=10)")
        .remark("the head width is D / heads")
        .help("divisors of 768 near 10 are 8 and 12");
    insta::assert_snapshot!(render(&[diagnostic], &sources, false), @r"
    error[A0203]: width 768 does not divide into 10 heads
     --> models/my_dit.arch:4:12
      |
    2 |   config heads: int
      |          ---------- declared here
    ...
    4 |   blocks = DitBlock(heads: heads) repeat depth
      |            ^^^^^^^^ needs D % heads == 0
     ::: lib/x.arch:1:12
      |
    1 | preset B { D: 768 }
      |            - set here
      |
      = D = 768     from preset B (lib/x.arch:1)
      = heads = 10  from the command line (--set heads=10)
    note: the head width is D / heads
    help: divisors of 768 near 10 are 8 and 12
          archc explain A0203
    ");
}

#[test]
fn colours_only_where_wanted() {
    let (sources, block, _) = source();
    let diagnostic = Diagnostic::warning("A0301", "a layer is never called", block);
    assert!(!render(std::slice::from_ref(&diagnostic), &sources, false).contains('\x1b'));
    let coloured = render(&[diagnostic], &sources, true);
    assert!(
        coloured.starts_with("\x1b[1;33mwarning[A0301]\x1b[0m\x1b[1m: a layer is never called\x1b[0m\n"),
        "{coloured}"
    );
}

#[test]
fn a_long_line_is_shown_in_part() {
    let mut sources = Sources::default();
    let text = format!("{}é here {}", "a".repeat(500), "b".repeat(500));
    let file = sources.add("a.arch", &text);
    let start = text.find("here").unwrap();
    let page = render(&[Diagnostic::note("A0001", "t", Span::new(file, start, start + 4))], &sources, false);
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(lines[1], " --> a.arch:1:503");
    assert!(lines[3].chars().count() < 180);
    let mark = lines[4].chars().position(|c| c == '^').unwrap();
    assert_eq!(lines[3].chars().skip(mark).take(4).collect::<String>(), "here");
}

#[test]
fn a_place_of_several_lines_is_marked_on_its_first() {
    let (sources, ..) = source();
    let all = Span::new(arch_grammar::FileId(0), 0, 30);
    let page = render(&[Diagnostic::error("A0001", "t", all)], &sources, false);
    assert!(page.contains("1 | model A {\n  | ^^^^^^^^^\n"), "{page}");
}

#[test]
fn a_place_outside_the_text_breaks_nothing() {
    let (sources, ..) = source();
    let beyond = Span::new(arch_grammar::FileId(0), 5000, 6000);
    assert!(render(&[Diagnostic::error("A0001", "t", beyond)], &sources, false).contains("my_dit.arch:6:1"));
}

#[test]
fn a_report_counts_as_editors_do() {
    let (sources, block, heads) = source();
    let report = report(&Diagnostic::error("A0203", "t", block).label("here").also(heads, "there"), &sources);
    let at = &report.primary;
    assert_eq!(
        (at.file.as_str(), at.line, at.column, at.end_line, at.end_column),
        ("models/my_dit.arch", 4, 12, 4, 20)
    );
    assert_eq!((report.severity, at.label.as_str(), report.secondary[0].line), ("error", "here", 2));
}
