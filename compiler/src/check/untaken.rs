//! Names in the branch that a configuration does not take: they must be known, so that a mistake shows before
//! somebody chooses that branch. Shapes are looked at only in the branch that is taken.

use super::Session;
use super::scope::Env;
use arch_grammar::Span;
use arch_grammar::ast::{self, Body, Expr, ExprKind, IndexEntry, Item, Member, Pattern, StmtKind};
use std::collections::BTreeSet;

/// What a branch declares itself, and the names that it uses before or besides.
#[derive(Default)]
struct Names {
    declared: BTreeSet<String>,
    used: Vec<(String, Span)>,
}

impl Session<'_> {
    /// Reports names of a body that nothing declares.
    pub(super) fn untaken(&mut self, env: &Env, body: &Body) {
        let mut names = Names::default();
        names.body(body);
        let mut members = BTreeSet::new();
        if let Some(template) = env.template {
            let item = self.templates[template.0].item;
            if let Item::Block(block) = &self.files[item.file].ast.clone().items[item.index] {
                declared_in(&block.members, &mut members);
            }
        }
        for (name, span) in names.used {
            let known = names.declared.contains(&name)
                || members.contains(&name)
                || env.local(&name).is_some()
                || env.axis(&name).is_some()
                || env.scope.config.contains_key(&name)
                || env.scope.parts.contains_key(&name)
                || self.callee_named(env.scope.file, &name).is_some();
            if !known {
                self.unknown_name(env, &name, span);
            }
        }
    }
}

/// Everything that members may declare under any configuration, choices of configs included.
fn declared_in(members: &[Member], out: &mut BTreeSet<String>) {
    for member in members {
        match member {
            Member::Config(c) => {
                out.insert(c.name.name.clone());
                out.extend(choices(&c.ty.kind).iter().map(|w| w.name.clone()));
            }
            Member::Dims(d) => out.extend(d.dims.iter().map(|(n, _)| n.name.clone())),
            Member::Param(p) | Member::Buffer(p) => _ = out.insert(p.name.name.clone()),
            Member::Layer(l) => _ = out.insert(l.name.name.clone()),
            Member::If(i) => {
                declared_in(&i.then, out);
                declared_in(&i.otherwise, out);
            }
            Member::Preset(_) | Member::Require(_) | Member::Forward(_) => {}
        }
    }
}

fn choices(ty: &ast::ConfigTypeKind) -> &[ast::Ident] {
    match ty {
        ast::ConfigTypeKind::OneOf(words) => words,
        ast::ConfigTypeKind::Optional(inner) | ast::ConfigTypeKind::List(inner) => choices(&inner.kind),
        ast::ConfigTypeKind::Named(_) => &[],
    }
}

impl Names {
    fn body(&mut self, body: &Body) {
        for s in &body.statements {
            match &s.kind {
                StmtKind::Let { pattern, value, shape } => {
                    self.expr(value);
                    shape.iter().flat_map(|s| &s.axes).for_each(|e| self.expr(e));
                    self.pattern(pattern);
                }
                StmtKind::Update { name, value } => {
                    self.used.push((name.name.clone(), name.span));
                    self.expr(value);
                }
                StmtKind::For { pattern, iter, collect, body } => {
                    self.expr(iter);
                    self.pattern(pattern);
                    self.declared.extend(collect.iter().map(|c| c.name.clone()));
                    self.body(body);
                }
                StmtKind::Dims(d) => {
                    for (name, size) in &d.dims {
                        self.expr(size);
                        self.declared.insert(name.name.clone());
                    }
                }
                StmtKind::Yield(e) | StmtKind::Final(e) | StmtKind::Assert(e) | StmtKind::Expr(e) => {
                    self.expr(e)
                }
            }
        }
        body.tail.iter().for_each(|e| self.expr(e));
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match pattern {
            Pattern::Name(n) => _ = self.declared.insert(n.name.clone()),
            Pattern::Tuple(ps, _) => ps.iter().for_each(|p| self.pattern(p)),
        }
    }

    /// Behind `->` a name that is not known declares an axis.
    fn target(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(n) => _ = self.declared.insert(n.clone()),
            ExprKind::Tuple(xs) => xs.iter().for_each(|x| self.target(x)),
            ExprKind::Paren(x) => self.target(x),
            _ => self.expr(expr),
        }
    }

    fn all<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        exprs.into_iter().for_each(|x| self.expr(x));
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(n) => self.used.push((n.clone(), expr.span)),
            ExprKind::Spread(n) => self.used.push((n.name.clone(), n.span)),
            ExprKind::Unary(_, x) | ExprKind::Paren(x) => self.expr(x),
            ExprKind::Binary(_, a, b) | ExprKind::Pipe(a, b) | ExprKind::Repeat(a, b) => {
                self.all([&**a, &**b])
            }
            ExprKind::Arrow(a, b) => {
                self.expr(a);
                self.target(b);
            }
            ExprKind::Call(callee, args) => {
                self.expr(callee);
                self.all(args.iter().map(|a| &a.value));
            }
            ExprKind::Index(base, entries) => {
                self.expr(base);
                entries.iter().for_each(|e| self.entry(e));
            }
            ExprKind::Tuple(xs) | ExprKind::List(xs) | ExprKind::Set(xs) | ExprKind::Parts(xs) => {
                self.all(xs)
            }
            ExprKind::ListFor { body, name, iter } => {
                self.expr(iter);
                self.declared.insert(name.name.clone());
                self.expr(body);
            }
            ExprKind::Range(a, b) => self.all(a.iter().chain(b).map(|x| &**x)),
            ExprKind::If { condition, then, otherwise } => {
                self.expr(condition);
                self.body(then);
                otherwise.iter().for_each(|b| self.body(b));
            }
            ExprKind::Scan(scan) => {
                self.used.push((scan.axis.name.clone(), scan.axis.span));
                self.declared.insert(scan.position.name.clone());
                for carry in &scan.carries {
                    self.all(carry.shape.axes.iter().chain([&carry.init]));
                    self.declared.insert(carry.name.name.clone());
                }
                self.body(&scan.body);
            }
            ExprKind::Int(_)
            | ExprKind::Float { .. }
            | ExprKind::Bool(_)
            | ExprKind::None
            | ExprKind::Str(_)
            | ExprKind::Error => {}
        }
    }

    fn entry(&mut self, entry: &IndexEntry) {
        match entry {
            IndexEntry::At { at, otherwise } => self.all([at].into_iter().chain(otherwise)),
            IndexEntry::Axis { axis, at, to } => {
                self.used.push((axis.name.clone(), axis.span));
                self.expr(at);
                self.declared.extend(to.iter().map(|t| t.name.clone()));
            }
        }
    }
}
