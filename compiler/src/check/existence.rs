//! Under which conditions the names of a block exist, and under which they are used.

use super::conditional::forward_of;
use super::events::names;
use super::expr::names_in;
use arch_grammar::Span;
use arch_grammar::ast::{
    Arg, BlockItem, Body, Expr, ExprKind, Forward, IndexEntry, Member, Pattern, Scan, Stmt, StmtKind,
};
use std::rc::Rc;

/// A condition, and whether it holds.
pub(super) type Guard<'a> = (&'a Expr, bool);

/// When something exists: if all conditions of any one of these lists hold.
pub(super) type Existence<'a> = Rc<[Vec<Guard<'a>>]>;

/// A use of something that exists under a condition only.
pub(super) struct Use<'a> {
    pub name: &'a str,
    pub span: Span,
    /// Whether it is called.
    pub called: bool,
    /// What it is an argument of, by the name that is called.
    pub handed_to: Option<&'a str>,
    /// The conditions around it.
    pub guards: Vec<Guard<'a>>,
    pub exists: Existence<'a>,
}

/// All uses in a block's `forward` of inputs, layers and values that exist under a condition only.
pub(super) fn uses(block: &BlockItem) -> Vec<Use<'_>> {
    let Some(forward) = forward_of(block) else { return Vec::new() };
    let mut parts = Vec::new();
    conditional_parts(&block.members, &mut Vec::new(), &mut parts);
    let mut walk = Walk { scope: Vec::new(), guards: Vec::new(), uses: Vec::new(), own: 0 };
    for (name, _) in &parts {
        let all = parts.iter().filter(|(other, _)| other == name).map(|(_, guards)| guards.clone());
        walk.bind(name, Some(all.collect()));
    }
    walk.forward(forward);
    walk.uses
}

/// Parameters and layers in `if`s, and layers whose value is an `if` without `else`, with their conditions.
fn conditional_parts<'a>(
    members: &'a [Member],
    around: &mut Vec<Guard<'a>>,
    out: &mut Vec<(&'a str, Vec<Guard<'a>>)>,
) {
    for member in members {
        match member {
            Member::Layer(l) => match (partial(&l.value), around.is_empty()) {
                (Some(lists), _) => {
                    out.extend(lists.iter().map(|own| (&*l.name.name, [around.as_slice(), own].concat())));
                }
                (None, false) => out.push((&l.name.name, around.clone())),
                (None, true) => {}
            },
            Member::Param(p) | Member::Buffer(p) if !around.is_empty() => {
                out.push((&p.name.name, around.clone()));
            }
            Member::If(i) => {
                for (branch, holds) in [(&i.then, true), (&i.otherwise, false)] {
                    around.push((&i.condition, holds));
                    conditional_parts(branch, around, out);
                    around.pop();
                }
            }
            _ => {}
        }
    }
}

/// When an expression has a value, if it is an `if` that does not always have one.
fn partial(e: &Expr) -> Option<Existence<'_>> {
    match &e.kind {
        ExprKind::Paren(x) => partial(x),
        ExprKind::If { condition, then, otherwise } => {
            let mut lists = vec![vec![(&**condition, true)]];
            let inner = then.tail.as_deref().and_then(partial);
            let rest = otherwise.as_ref().map(|body| body.tail.as_deref().and_then(partial));
            // With an `else` that always has a value all of it has, but for what the first branch lacks.
            if let (None, Some(None)) = (&inner, &rest) {
                return None;
            }
            if let Some(inner) = inner {
                lists = inner.iter().map(|own| [&[(&**condition, true)], own.as_slice()].concat()).collect();
            }
            match rest {
                None => {}
                Some(None) => lists.push(vec![(condition, false)]),
                Some(Some(rest)) => {
                    lists.extend(rest.iter().map(|own| [&[(&**condition, false)], own.as_slice()].concat()));
                }
            }
            Some(lists.into())
        }
        _ => None,
    }
}

struct Walk<'a> {
    /// Names, innermost last, with their conditions if they have any.
    scope: Vec<(&'a str, Option<Existence<'a>>)>,
    guards: Vec<Guard<'a>>,
    uses: Vec<Use<'a>>,
    /// How many of the names in `scope` are not those of the body.
    own: usize,
}

impl<'a> Walk<'a> {
    fn bind(&mut self, name: &'a str, exists: Option<Existence<'a>>) {
        self.scope.push((name, exists));
    }

    fn bind_all(&mut self, pattern: &'a Pattern) {
        names(pattern, &mut |n| self.scope.push((&n.name, None)));
    }

    fn existence(&self, name: &str) -> Option<Existence<'a>> {
        self.scope.iter().rev().find(|(known, _)| *known == name).and_then(|(_, exists)| exists.clone())
    }

    fn forward(&mut self, f: &'a Forward) {
        for p in &f.params {
            let exists = p.condition.as_ref().map(|c| vec![vec![(c, true)]].into());
            self.bind(&p.name.name, exists);
        }
        self.own = self.scope.len();
        self.body(&f.body);
    }

    fn body(&mut self, body: &'a Body) {
        let outer = self.scope.len();
        body.statements.iter().for_each(|s| self.statement(s));
        body.tail.iter().for_each(|e| self.expr(e));
        self.scope.truncate(outer);
    }

    /// A branch. Where names of the body decide it, such as a counter, nobody knows when it is reached.
    fn guarded(&mut self, condition: &'a Expr, holds: bool, body: &'a Body) {
        let found = self.uses.len();
        self.guards.push((condition, holds));
        self.body(body);
        self.guards.pop();
        if self.speaks_of_locals(condition) {
            self.uses.truncate(found);
        }
    }

    fn speaks_of_locals(&self, condition: &Expr) -> bool {
        let mut names = Vec::new();
        names_in(condition, &mut names);
        names.iter().any(|(name, _)| self.scope[self.own..].iter().any(|(local, _)| local == name))
    }

    /// When a value that is bound exists.
    fn existence_of(&self, value: &'a Expr) -> Option<Existence<'a>> {
        let exists = partial(value)?;
        let local = exists.iter().flatten().any(|(condition, _)| self.speaks_of_locals(condition));
        (!local).then_some(exists)
    }

    fn statement(&mut self, s: &'a Stmt) {
        match &s.kind {
            StmtKind::Let { pattern, value, .. } => {
                // Another name for it is no use of it.
                let alias = match &value.kind {
                    ExprKind::Name(n) => self.existence(n),
                    _ => None,
                };
                if alias.is_none() {
                    self.expr(value);
                }
                match pattern {
                    Pattern::Name(n) => self.bind(&n.name, alias.or_else(|| self.existence_of(value))),
                    Pattern::Tuple(..) => self.bind_all(pattern),
                }
            }
            StmtKind::Update { value: e, .. }
            | StmtKind::Yield(e)
            | StmtKind::Final(e)
            | StmtKind::Assert(e)
            | StmtKind::Expr(e) => self.expr(e),
            StmtKind::For { pattern, iter, collect, body } => {
                self.expr(iter);
                collect.iter().for_each(|c| self.bind(&c.name, None));
                let outer = self.scope.len();
                self.bind_all(pattern);
                self.body(body);
                self.scope.truncate(outer);
            }
            StmtKind::Dims(_) => {}
        }
    }

    fn used(&mut self, name: &'a str, span: Span, called: bool, handed_to: Option<&'a str>) {
        if let Some(exists) = self.existence(name) {
            let guards = self.guards.clone();
            self.uses.push(Use { name, span, called, handed_to, guards, exists });
        }
    }

    fn argument(&mut self, e: &'a Expr, callee: Option<&'a str>) {
        match &e.kind {
            ExprKind::Name(n) => self.used(n, e.span, false, callee),
            _ => self.expr(e),
        }
    }

    fn call(&mut self, callee: &'a Expr, args: &'a [Arg]) {
        let name = match &callee.kind {
            ExprKind::Name(n) => {
                self.used(n, callee.span, true, None);
                Some(n.as_str())
            }
            _ => {
                self.expr(callee);
                None
            }
        };
        args.iter().for_each(|a| self.argument(&a.value, name));
    }

    fn expr(&mut self, e: &'a Expr) {
        match &e.kind {
            ExprKind::Name(n) => self.used(n, e.span, false, None),
            ExprKind::Unary(_, x) | ExprKind::Paren(x) => self.expr(x),
            ExprKind::Binary(_, a, b) | ExprKind::Arrow(a, b) | ExprKind::Repeat(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Pipe(value, call) => {
                let (callee, args) = match &call.kind {
                    ExprKind::Call(callee, args) => (&**callee, args.as_slice()),
                    _ => (&**call, &[][..]),
                };
                let name = if let ExprKind::Name(n) = &callee.kind { Some(n.as_str()) } else { None };
                self.argument(value, name);
                self.call(callee, args);
            }
            ExprKind::Call(callee, args) => self.call(callee, args),
            ExprKind::Index(base, entries) => {
                self.expr(base);
                for entry in entries {
                    match entry {
                        IndexEntry::At { at, otherwise } => {
                            self.expr(at);
                            otherwise.iter().for_each(|x| self.expr(x));
                        }
                        IndexEntry::Axis { at, .. } => self.expr(at),
                    }
                }
            }
            ExprKind::Tuple(xs) | ExprKind::List(xs) | ExprKind::Parts(xs) | ExprKind::Set(xs) => {
                xs.iter().for_each(|x| self.expr(x));
            }
            ExprKind::ListFor { body, name, iter } => {
                self.expr(iter);
                self.bind(&name.name, None);
                self.expr(body);
                self.scope.pop();
            }
            ExprKind::Range(a, b) => a.iter().chain(b).for_each(|x| self.expr(x)),
            ExprKind::If { condition, then, otherwise } => {
                self.expr(condition);
                self.guarded(condition, true, then);
                otherwise.iter().for_each(|b| self.guarded(condition, false, b));
            }
            ExprKind::Scan(scan) => self.scan(scan),
            ExprKind::Int(_)
            | ExprKind::Float { .. }
            | ExprKind::Bool(_)
            | ExprKind::None
            | ExprKind::Str(_)
            | ExprKind::Spread(_)
            | ExprKind::Error => {}
        }
    }

    fn scan(&mut self, s: &'a Scan) {
        s.carries.iter().for_each(|c| self.expr(&c.init));
        let outer = self.scope.len();
        self.bind(&s.position.name, None);
        s.carries.iter().for_each(|c| self.bind(&c.name.name, None));
        self.body(&s.body);
        self.scope.truncate(outer);
    }
}
