//! How expressions bind, and where they end.

use arch_grammar::ast::{Arg, Body, Expr, ExprKind, IndexEntry, Item, StmtKind, UnaryOp};
use arch_grammar::{FileId, parse};

/// The tree with all brackets written: `(+ a (* b c))`.
fn tree(expr: &Expr) -> String {
    let row = |head: &str, parts: &[&Expr]| {
        let parts: Vec<String> = parts.iter().map(|part| tree(part)).collect();
        format!("({head} {})", parts.join(" "))
    };
    let all = |head: &str, parts: &[Expr]| row(head, &parts.iter().collect::<Vec<_>>());
    match &expr.kind {
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Float { text, .. } => text.clone(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::None => "none".to_string(),
        ExprKind::Str(value) => format!("{value:?}"),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Unary(UnaryOp::Neg, value) => row("-", &[value]),
        ExprKind::Unary(UnaryOp::Not, value) => row("not", &[value]),
        ExprKind::Binary(op, left, right) => row(op.symbol(), &[left, right]),
        ExprKind::Pipe(left, right) => row("|>", &[left, right]),
        ExprKind::Arrow(left, right) => row("->", &[left, right]),
        ExprKind::Repeat(left, right) => row("repeat", &[left, right]),
        ExprKind::Parts(parts) => all("++", parts),
        ExprKind::Tuple(parts) => all("tuple", parts),
        ExprKind::List(parts) => all("list", parts),
        ExprKind::Set(parts) => all("set", parts),
        ExprKind::Paren(value) => format!("[{}]", tree(value)),
        ExprKind::Range(from, to) => {
            let side = |e: &Option<Box<Expr>>| e.as_ref().map_or(String::new(), |e| tree(e));
            format!("({}..{})", side(from), side(to))
        }
        ExprKind::Spread(name) => format!("{}..", name.name),
        ExprKind::Call(callee, args) => {
            let arg =
                |a: &Arg| a.name.as_ref().map_or(String::new(), |n| format!("{}:", n.name)) + &tree(&a.value);
            format!("{}({})", tree(callee), args.iter().map(arg).collect::<Vec<_>>().join(", "))
        }
        ExprKind::Index(base, entries) => {
            let entry = |entry: &IndexEntry| match entry {
                IndexEntry::At { at, otherwise } => {
                    tree(at) + &otherwise.as_ref().map_or(String::new(), |e| format!(" else {}", tree(e)))
                }
                IndexEntry::Axis { axis, at, to } => {
                    let to = to.as_ref().map_or(String::new(), |to| format!(" to {}", to.name));
                    format!("{}: {}{to}", axis.name, tree(at))
                }
            };
            format!("{}[{}]", tree(base), entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        ExprKind::ListFor { body, name, iter } => {
            format!("(list {} for {} {})", tree(body), name.name, tree(iter))
        }
        ExprKind::If { condition, then, otherwise } => {
            let tail = |body: &Body| body.tail.as_ref().map_or("{}".to_string(), |e| tree(e));
            let otherwise = otherwise.as_ref().map_or(String::new(), |body| format!(" {}", tail(body)));
            format!("(if {} {}{otherwise})", tree(condition), tail(then))
        }
        ExprKind::Scan(scan) => format!("(scan {} {} {})", scan.position.name, scan.axis.name, scan.reverse),
        ExprKind::Error => "error".to_string(),
    }
}

/// A statement or last expression of a body, as text.
fn body(text: &str) -> Vec<String> {
    let (file, problems) = parse(FileId(0), &format!("edition 2026\nfn f(x) {{\n{text}\n}}\n"));
    assert_eq!(problems, Vec::new(), "{text}");
    let Item::Fn(item) = &file.items[0] else { panic!("not a function") };
    let mut lines: Vec<String> = item.body.statements.iter().map(|stmt| statement(&stmt.kind)).collect();
    lines.extend(item.body.tail.as_ref().map(|tail| tree(tail)));
    lines
}

fn statement(kind: &StmtKind) -> String {
    match kind {
        StmtKind::Let { value, .. } => format!("let {}", tree(value)),
        StmtKind::Update { name, value } => format!("{} <- {}", name.name, tree(value)),
        StmtKind::For { iter, .. } => format!("for {}", tree(iter)),
        StmtKind::Dims(dims) => format!("dims {}", dims.dims.len()),
        StmtKind::Yield(value) => format!("yield {}", tree(value)),
        StmtKind::Final(value) => format!("final {}", tree(value)),
        StmtKind::Assert(value) => format!("assert {}", tree(value)),
        StmtKind::Expr(value) => format!("lost {}", tree(value)),
    }
}

#[track_caller]
fn binds(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(body(text), [*expected], "{text}");
    }
}

#[test]
fn strength_from_loose_to_tight() {
    binds(&[
        ("a repeat b -> c", "(repeat a (-> b c))"),
        ("a -> b ++ c", "(-> a (++ b c))"),
        ("a ++ b ++ c + d", "(++ a b (+ c d))"),
        ("a ++ b |> c", "(++ a (|> b c))"),
        ("a |> b or c", "(|> a (or b c))"),
        ("a or b and c", "(or a (and b c))"),
        ("a and not b == c", "(and a (not (== b c)))"),
        ("not a and b", "(and (not a) b)"),
        ("a < b + c", "(< a (+ b c))"),
        ("a + b * c", "(+ a (* b c))"),
        ("-a * b", "(* (- a) b)"),
        ("-a ^ b", "(- (^ a b))"),
        ("a ^ -0.5 * b", "(* (^ a (- 0.5)) b)"),
        ("-a(b)[c]", "(- a(b)[c])"),
        ("DiTBlock(D, num_heads: h) repeat depth", "(repeat DiTBlock(D, num_heads:h) depth)"),
        ("0..n - 1", "(0..(- n 1))"),
    ]);
}

#[test]
fn rows_of_equals() {
    binds(&[
        ("a - b - c", "(- (- a b) c)"),
        ("a / b * c % d", "(% (* (/ a b) c) d)"),
        ("a ^ b ^ c", "(^ a (^ b c))"),
        ("a |> b |> c(d)", "(|> (|> a b) c(d))"),
        ("a - -b", "(- a (- b))"),
        ("(a ++ b) ++ c", "(++ [(++ a b)] c)"),
    ]);
}

#[test]
fn brackets_and_ranges() {
    binds(&[
        ("(a)", "[a]"),
        ("(a,)", "[a]"),
        ("(a, b,)", "(tuple a b)"),
        ("[a, b]", "(list a b)"),
        ("[f(i) for i in 0..3]", "(list f(i) for i (0..3))"),
        ("f(I.. -> O..)", "f((-> I.. O..))"),
        ("f(D -> (6, D))", "f((-> D (tuple 6 D)))"),
        ("x[S: 2.. -> T, T: 0]", "x[S: (2..) to T, T: 0]"),
        ("x[S: n..]", "x[S: (n..)]"),
        ("u[t - 1 else 0]", "u[(- t 1) else 0]"),
        ("f(x)(y)[t]", "f(x)(y)[t]"),
    ]);
}

#[test]
fn keywords_are_names_where_no_keyword_can_stand() {
    binds(&[
        ("sum(model, over: N)", "sum(model, over:N)"),
        ("block(fn) + test", "(+ block(fn) test)"),
        ("scan + scan(x)", "(+ scan scan(x))"),
        ("dims - config", "(- dims config)"),
        ("lettuce + formal", "(+ lettuce formal)"),
    ]);
    assert_eq!(body("for block in blocks { x <- block(x) }"), ["for blocks"]);
}

#[test]
fn where_statements_begin() {
    let cases: [(&str, &[&str]); 10] = [
        ("let a = x\n(a, b)", &["let x", "(tuple a b)"]),
        ("let a = x\n[a]", &["let x", "(list a)"]),
        ("let a = x\n  + y\n  - z", &["let (- (+ x y) z)"]),
        ("let a = x\n  |> f\n  |> g", &["let (|> (|> x f) g)"]),
        ("let a = x +\n  y", &["let (+ x y)"]),
        ("h <- a * h   yield h   final h", &["h <- (* a h)", "yield h", "final h"]),
        ("assert a   assert b", &["assert a", "assert b"]),
        ("let a = x; -a", &["let x", "(- a)"]),
        ("for b in bs { x <- b(x) }\n-x", &["for bs", "(- x)"]),
        ("dims S = 1 ++ T\nif a { b } else { c }", &["dims 1", "(if a b c)"]),
    ];
    for (text, expected) in cases {
        assert_eq!(body(text), expected, "{text}");
    }
}

#[test]
fn spans_cover_what_they_name() {
    let text = "edition 2026\nfn f(x) {\n  // a comment\n  let y = g( x , // here\n    over: T ) [ t ] + 1  // end\n  y\n}\n";
    let (file, _) = parse(FileId(0), text);
    let Item::Fn(item) = &file.items[0] else { panic!("not a function") };
    let StmtKind::Let { value, .. } = &item.body.statements[0].kind else { panic!("not a let") };
    let ExprKind::Binary(_, left, right) = &value.kind else { panic!("not a sum") };
    assert_eq!(&text[left.span.range()], "g( x , // here\n    over: T ) [ t ]");
    assert_eq!(&text[right.span.range()], "1");
    assert_eq!(
        &text[item.body.statements[0].span.range()],
        "let y = g( x , // here\n    over: T ) [ t ] + 1"
    );
    assert!(text[item.body.span.range()].starts_with('{') && text[item.body.span.range()].ends_with('}'));
}
