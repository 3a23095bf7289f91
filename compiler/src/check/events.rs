//! What names do in an item, in the order in which it is written: a flat view of the tree for checks that do
//! not depend on sizes, and so see both branches of every `if` and items that nothing uses.

use arch_grammar::Span;
use arch_grammar::ast::{
    Attribute, BlockItem, Body, Expr, ExprKind, FnItem, Forward, Ident, IndexEntry, Item, Member, Param,
    ParamKind, Pattern, ResultDecl, Scan, Shape, Stmt, StmtKind, TestItem,
};

/// What a name does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event<'a> {
    /// A name where a value, function, block or axis is wanted.
    Use(&'a str, Span),
    /// A name where only an axis can stand.
    Axis(&'a str, Span),
    /// A name in the braces of a text; the place is the whole text.
    Braced(&'a str, Span),
    /// A layer of the named block is given what config values both have.
    PassOn(&'a str),
    /// A name that a `let` binds.
    Let(&'a Ident),
    /// Another name that comes into being: a config, a parameter, an axis behind `->`.
    Declare(&'a str),
    /// A body begins.
    Open,
    /// A body ends.
    Close,
}

/// Operations whose argument `from -> to` may name a new axis.
const VIEWS: &[&str] = &["rename", "flatten", "unflatten", "permute", "pad", "window"];

/// Hands each event of an item to `sink`.
pub(super) fn events<'a>(item: &'a Item, sink: &mut dyn FnMut(Event<'a>)) {
    let mut walk = Walk { sink };
    match item {
        Item::Fn(f) => walk.function(f),
        Item::Block(b) => walk.block(b),
        Item::Test(t) => walk.test(t),
    }
}

struct Walk<'w, 'a> {
    sink: &'w mut dyn FnMut(Event<'a>),
}

impl<'a> Walk<'_, 'a> {
    fn send(&mut self, event: Event<'a>) {
        (self.sink)(event);
    }

    fn declare(&mut self, name: &'a Ident) {
        self.send(Event::Declare(&name.name));
    }

    fn function(&mut self, f: &'a FnItem) {
        self.send(Event::Open);
        self.params(&f.params);
        self.results(&f.results);
        self.body(&f.body);
        self.send(Event::Close);
    }

    fn block(&mut self, b: &'a BlockItem) {
        // The members of a variant are looked at where they are written.
        if let Some(variant) = &b.variant {
            self.send(Event::Use(&variant.base.name, variant.base.span));
            return variant.values.iter().for_each(|(_, e)| self.expr(e));
        }
        for axis in &b.axes {
            self.declare(&axis.name);
            axis.tied.iter().for_each(|t| self.expr(t));
        }
        self.send(Event::Open);
        self.members(&b.members);
        self.send(Event::Close);
    }

    fn test(&mut self, t: &'a TestItem) {
        for (name, size) in &t.with {
            self.expr(size);
            self.declare(name);
        }
        t.of.iter().for_each(|of| self.send(Event::Use(&of.name, of.span)));
        t.sets.iter().for_each(|(_, e)| self.expr(e));
        self.body(&t.body);
    }

    fn members(&mut self, members: &'a [Member]) {
        for member in members {
            match member {
                Member::Config(c) => {
                    c.range.iter().chain(&c.default).for_each(|e| self.expr(e));
                    self.declare(&c.name);
                }
                Member::Preset(p) => p.values.iter().for_each(|(_, e)| self.expr(e)),
                Member::Require(r) => {
                    self.expr(&r.condition);
                    r.message.iter().for_each(|m| self.braced(&m.value, m.span));
                }
                Member::Dims(d) => self.dims(&d.dims),
                Member::Let(l) => {
                    self.expr(&l.value);
                    self.send(Event::Let(&l.name));
                }
                Member::Param(p) | Member::Buffer(p) => {
                    self.shape(&p.shape);
                    p.init.iter().for_each(|e| self.expr(e));
                    self.attributes(&p.attributes);
                    self.declare(&p.name);
                }
                Member::Layer(l) => {
                    self.expr(&l.value);
                    self.attributes(&l.attributes);
                    self.declare(&l.name);
                }
                Member::If(i) => {
                    self.expr(&i.condition);
                    self.members(&i.then);
                    self.members(&i.otherwise);
                }
                Member::Forward(f) => self.forward(f),
                Member::Lost(lost) => lost.names.iter().for_each(|n| self.declare(n)),
            }
        }
    }

    fn forward(&mut self, f: &'a Forward) {
        self.send(Event::Open);
        self.params(&f.params);
        self.results(&f.results);
        self.body(&f.body);
        self.send(Event::Close);
    }

    fn attributes(&mut self, attributes: &'a [Attribute]) {
        for arg in attributes.iter().flat_map(|a| &a.args) {
            match &arg.value.kind {
                ExprKind::Str(text) => self.braced(text, arg.value.span),
                _ => self.expr(&arg.value),
            }
        }
    }

    /// The names between the braces of a text.
    fn braced(&mut self, text: &'a str, span: Span) {
        let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
        parts.for_each(|(name, _)| self.send(Event::Braced(name.trim(), span)));
    }

    fn params(&mut self, params: &'a [Param]) {
        for p in params {
            match &p.kind {
                ParamKind::Tensor(shape) => {
                    for entry in &shape.axes {
                        match &entry.kind {
                            // An axis that is not known yet is open: the call binds it.
                            ExprKind::Name(n) => self.send(Event::Declare(n)),
                            _ => self.expr(entry),
                        }
                    }
                }
                ParamKind::Axis(axis) => self.declare(axis),
                ParamKind::Any | ParamKind::Value(_) => {}
            }
            p.default.iter().chain(&p.null).chain(&p.condition).for_each(|e| self.expr(e));
            self.declare(&p.name);
        }
    }

    fn results(&mut self, results: &'a [ResultDecl]) {
        results.iter().for_each(|r| self.naming_shape(&r.shape));
    }

    /// A name that is not known yet names an axis that the body, or a layer that it calls, makes.
    fn naming_shape(&mut self, shape: &'a Shape) {
        for entry in &shape.axes {
            match &entry.kind {
                ExprKind::Name(n) => self.send(Event::Declare(n)),
                _ => self.expr(entry),
            }
        }
    }

    fn shape(&mut self, shape: &'a Shape) {
        for entry in &shape.axes {
            match &entry.kind {
                ExprKind::Name(n) => self.send(Event::Axis(n, entry.span)),
                _ => self.expr(entry),
            }
        }
    }

    fn dims(&mut self, dims: &'a [(Ident, Expr)]) {
        for (name, size) in dims {
            self.expr(size);
            self.declare(name);
        }
    }

    fn body(&mut self, body: &'a Body) {
        self.send(Event::Open);
        self.statements(body);
        self.send(Event::Close);
    }

    fn statements(&mut self, body: &'a Body) {
        body.statements.iter().for_each(|s| self.statement(s));
        body.tail.iter().for_each(|e| self.expr(e));
    }

    fn statement(&mut self, s: &'a Stmt) {
        match &s.kind {
            StmtKind::Let { pattern, shape, value } => {
                self.expr(value);
                // Only what is called makes axes that have no name here.
                let called = matches!(value.kind, ExprKind::Call(..) | ExprKind::Pipe(..));
                if let Some(shape) = shape {
                    if called { self.naming_shape(shape) } else { self.shape(shape) }
                }
                names(pattern, &mut |n| self.send(Event::Let(n)));
            }
            StmtKind::Update { name, value } => {
                self.expr(value);
                self.send(Event::Use(&name.name, name.span));
            }
            StmtKind::For { pattern, iter, collect, body } => {
                self.expr(iter);
                collect.iter().for_each(|c| self.declare(c));
                names(pattern, &mut |n| self.declare(n));
                self.body(body);
            }
            StmtKind::Dims(d) => self.dims(&d.dims),
            StmtKind::Yield(e) | StmtKind::Final(e) | StmtKind::Assert(e) | StmtKind::Expr(e) => self.expr(e),
        }
    }

    fn scan(&mut self, s: &'a Scan) {
        self.send(Event::Axis(&s.axis.name, s.axis.span));
        for c in &s.carries {
            self.shape(&c.shape);
            self.expr(&c.init);
        }
        self.send(Event::Open);
        self.declare(&s.position);
        s.carries.iter().for_each(|c| self.declare(&c.name));
        self.statements(&s.body);
        self.send(Event::Close);
    }

    fn expr(&mut self, e: &'a Expr) {
        match &e.kind {
            ExprKind::Name(n) => self.send(Event::Use(n, e.span)),
            ExprKind::Spread(n) => self.send(Event::Axis(&n.name, n.span)),
            ExprKind::Unary(_, x) | ExprKind::Paren(x) => self.expr(x),
            ExprKind::Binary(_, a, b)
            | ExprKind::Pipe(a, b)
            | ExprKind::Arrow(a, b)
            | ExprKind::Repeat(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Call(callee, args) => {
                self.expr(callee);
                let name = if let ExprKind::Name(n) = &callee.kind { n.as_str() } else { "" };
                for arg in args {
                    if matches!(arg.value.kind, ExprKind::Range(None, None)) {
                        self.send(Event::PassOn(name));
                    }
                    self.argument(name, &arg.value);
                }
            }
            ExprKind::Index(base, entries) => {
                self.expr(base);
                entries.iter().for_each(|entry| self.index(entry));
            }
            ExprKind::Tuple(xs) | ExprKind::List(xs) | ExprKind::Parts(xs) | ExprKind::Set(xs) => {
                xs.iter().for_each(|x| self.expr(x));
            }
            ExprKind::ListFor { body, name, iter } => {
                self.expr(iter);
                self.declare(name);
                self.expr(body);
            }
            ExprKind::Range(a, b) => a.iter().chain(b).for_each(|x| self.expr(x)),
            ExprKind::If { condition, then, otherwise } => {
                self.expr(condition);
                self.body(then);
                otherwise.iter().for_each(|b| self.body(b));
            }
            ExprKind::Scan(scan) => self.scan(scan),
            ExprKind::Int(_)
            | ExprKind::Float { .. }
            | ExprKind::Bool(_)
            | ExprKind::None
            | ExprKind::Str(_)
            | ExprKind::Error => {}
        }
    }

    fn argument(&mut self, callee: &str, value: &'a Expr) {
        match &value.kind {
            ExprKind::Arrow(from, to) if VIEWS.contains(&callee) => {
                self.expr(from);
                self.targets(to);
            }
            ExprKind::Str(pattern) if callee == "rearrange" => {
                words(pattern).for_each(|w| self.send(Event::Declare(w)));
            }
            _ => self.expr(value),
        }
    }

    fn targets(&mut self, to: &'a Expr) {
        match &to.kind {
            ExprKind::Name(n) => self.send(Event::Declare(n)),
            ExprKind::Tuple(xs) => xs.iter().for_each(|x| self.targets(x)),
            ExprKind::Paren(x) => self.targets(x),
            _ => self.expr(to),
        }
    }

    fn index(&mut self, entry: &'a IndexEntry) {
        match entry {
            IndexEntry::At { at, otherwise } => {
                self.expr(at);
                otherwise.iter().for_each(|e| self.expr(e));
            }
            IndexEntry::Axis { axis, at, to } => {
                self.send(Event::Axis(&axis.name, axis.span));
                self.expr(at);
                to.iter().for_each(|t| self.declare(t));
            }
        }
    }
}

/// The names of a pattern, in order.
pub(super) fn names<'a>(pattern: &'a Pattern, sink: &mut dyn FnMut(&'a Ident)) {
    match pattern {
        Pattern::Name(n) => sink(n),
        Pattern::Tuple(ps, _) => ps.iter().for_each(|p| names(p, sink)),
    }
}

/// The names in the pattern of a rearrangement.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}
