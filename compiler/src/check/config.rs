//! Config values, presets and settings: what a block is told, where that came from, and whether it may be.

use super::Session;
use super::block::Given;
use super::scope::{Config, Env, Scope};
use super::value::{Callee, Initialiser, Number, Origin, Scalar, Val};
use arch_grammar::ast::{self, BlockItem, ConfigDecl, ConfigTypeKind, Expr, ExprKind, Member};
use arch_grammar::{Diagnostic, Span, nearest};
use std::rc::Rc;

impl Session<'_> {
    /// Decides config values, dims and requirements in the order in which they are written.
    /// Stops at the first error of the block: what follows would only echo it.
    pub(super) fn decide(&mut self, env: &mut Env, block: &BlockItem, given: &Given) -> bool {
        if !self.known_configs(block, given) {
            return false;
        }
        let tied = block.axes.iter().filter_map(|a| a.tied.as_ref().map(|t| (a, t)));
        let tied: Vec<(String, String)> = tied
            .filter_map(|(a, t)| match &t.kind {
                ExprKind::Name(n) => Some((n.clone(), a.name.name.clone())),
                _ => None,
            })
            .collect();
        self.decide_members(env, &block.members, given, &tied)
    }

    fn decide_members(
        &mut self,
        env: &mut Env,
        members: &[Member],
        given: &Given,
        tied: &[(String, String)],
    ) -> bool {
        let errors = self.error_count();
        for member in members {
            match member {
                Member::Config(c) => self.decide_config(env, c, given, tied),
                Member::Dims(d) => self.block_dims(env, d),
                Member::Let(l) => self.decide_let(env, l),
                Member::Require(r) => self.require(env, r, given.site),
                Member::If(i) => match self.eval_condition(env, &i.condition) {
                    Some(true) => _ = self.decide_members(env, &i.then, given, tied),
                    Some(false) => _ = self.decide_members(env, &i.otherwise, given, tied),
                    None => {}
                },
                Member::Lost(lost) if lost.decides => self.unknown_because_of_an_error(),
                _ => {}
            }
            if self.error_count() > errors {
                return false;
            }
        }
        true
    }

    /// A value that members share. Config cannot set it.
    fn decide_let(&mut self, env: &mut Env, decl: &ast::LetDecl) {
        let name = &decl.name;
        if env.scope.config.contains_key(&name.name) {
            let text = format!("`{}` is a config value already", name.name);
            return self.report(Diagnostic::error("A0104", text, name.span));
        }
        let value = self.eval(env, &decl.value);
        match value {
            Val::Error => {}
            Val::Number(_) | Val::Bool(_) | Val::Str(_) | Val::List(_) | Val::None | Val::Word(_) => {
                let text = self.sources.slice(decl.value.span);
                let from = format!("= {text} ({})", self.sources.place(decl.span));
                let value = with_origin(value, "", &from);
                let shared = Config { settable: false, value, declared: name.span, choices: Rc::from([]) };
                Rc::make_mut(&mut env.scope).config.insert(name.name.clone(), shared);
            }
            other => {
                let text = format!("a `let` among members is a number, not {}", other.kind());
                let d = Diagnostic::error("A0211", text, decl.value.span);
                self.report(
                    d.help("axes are declared by `dims`, layers by their name; values stand in `forward`"),
                );
            }
        }
    }

    /// Reports config names that the block does not have.
    fn known_configs(&mut self, block: &BlockItem, given: &Given) -> bool {
        let decls = config_decls(&block.members);
        let mut fine = true;
        for (name, _, span) in &given.config {
            if decls.iter().any(|c| c.name.name == *name) {
                continue;
            }
            fine = false;
            let names: Vec<&str> = decls.iter().map(|c| c.name.name.as_str()).collect();
            let what = &block.name.name;
            let mut d = Diagnostic::error("A0201", format!("`{what}` has no config `{name}`"), *span);
            d = match nearest(name, names.iter().copied()) {
                Some(n) => d.help(format!("did you mean `{n}`?")),
                None if names.is_empty() => d.help(format!("`{what}` has no config at all")),
                None => d.help(format!("it has: {}", names.join(", "))),
            };
            self.report(d);
        }
        fine
    }

    fn decide_config(&mut self, env: &mut Env, decl: &ConfigDecl, given: &Given, tied: &[(String, String)]) {
        let name = decl.name.name.as_str();
        let declared = decl.name.span;
        let from_axis =
            tied.iter().find(|(c, _)| c == name).and_then(|(_, a)| env.scope.axes.get(a).cloned());
        let told = given.config.iter().find(|(n, _, _)| n == name).cloned();
        let value = match (told, from_axis) {
            (Some((_, v, span)), axis) => {
                if let Some(axis) = axis {
                    self.agrees(name, &v, &axis, span);
                }
                Some((v, span))
            }
            (None, Some(Val::Axis(a))) => {
                let origin = self.axis_info(a).origin.clone();
                let n = Number { value: Scalar::Int(self.size_of(a) as i64), origin };
                Some((Val::Number(n), declared))
            }
            (None, _) => self.default_value(env, decl, given.site),
        };
        let Some((value, span)) = value else { return };
        let value = self.fit_config(decl, value, span);
        if !matches!(value, Val::Error) {
            self.in_range(env, decl, &value, span);
        }
        let choices = choices(&decl.ty.kind);
        self.bind_config(env, name, value, declared, choices);
    }

    fn default_value(&mut self, env: &mut Env, decl: &ConfigDecl, site: Span) -> Option<(Val, Span)> {
        let name = &decl.name.name;
        let Some(default) = &decl.default else {
            let own = site == Span::default();
            let place = if own { decl.span } else { site };
            let mut d = Diagnostic::error("A0202", format!("config `{name}` has no value"), place);
            if !own {
                d = d
                    .also(decl.span, "declared here without a default")
                    .help(format!("give it: `{name}: …`"));
            } else {
                d = d.label("no default here").help(format!(
                    "give it with `--set {name}=…`, with a preset, or give it a default: `= …`"
                ));
            }
            self.report(d);
            return None;
        };
        let own = decl.span.file == default.span.file && decl.span.start <= default.span.start;
        let value = if own && default.span.end <= decl.span.end {
            self.config_value(env, &decl.ty, default)
        } else {
            // A variant gives it, which stands outside of the block and knows none of its names.
            let scope = Scope { file: self.file_index(default.span.file), ..Scope::default() };
            self.config_value(&mut Env::new(Rc::new(scope)), &decl.ty, default)
        };
        let from = format!("the default ({})", self.sources.place(default.span));
        Some((with_origin(value, name, &from), default.span))
    }

    /// The value of an expression that is given to a config of some type.
    pub(super) fn config_value(&mut self, env: &mut Env, ty: &ast::ConfigType, expr: &Expr) -> Val {
        // Words and initialisers mean something only as values of their type, so that goes into the branches.
        if let Some((condition, then, otherwise)) = plain_if(expr) {
            return match self.eval_condition(env, condition) {
                Some(true) => self.config_value(env, ty, then),
                Some(false) => self.config_value(env, ty, otherwise),
                None => Val::Error,
            };
        }
        match &ty.kind {
            ConfigTypeKind::Named(n) if n.name == "init" => self.initialiser(env, expr),
            ConfigTypeKind::Named(n) if n.name == "int" => self.eval_int_value(env, expr),
            ConfigTypeKind::Named(n) if n.name == "fn" && self.function_meant(expr).is_some() => {
                let name = self.function_meant(expr).unwrap_or_default();
                let d = Diagnostic::error("A0205", "a function is wanted here, not its value", expr.span);
                self.report(d.help(format!("write `{name}` alone: it is called where it is used")));
                Val::Error
            }
            ConfigTypeKind::OneOf(words) => match &expr.kind {
                ExprKind::Name(n) if words.iter().any(|w| w.name == *n) => Val::Word(n.as_str().into()),
                ExprKind::Name(n) if !env.scope.config.contains_key(n) && env.local(n).is_none() => {
                    let words: Vec<String> = words.iter().map(|w| w.name.clone()).collect();
                    self.not_a_choice(&words, n, expr.span);
                    Val::Error
                }
                _ => self.eval(env, expr),
            },
            ConfigTypeKind::Optional(inner) if !matches!(expr.kind, ExprKind::None) => {
                self.config_value(env, inner, expr)
            }
            ConfigTypeKind::List(inner) => match &expr.kind {
                ExprKind::List(xs) => {
                    let values: Vec<Val> = xs.iter().map(|x| self.config_value(env, inner, x)).collect();
                    Val::List(Rc::new(values))
                }
                _ => self.eval(env, expr),
            },
            _ => self.eval(env, expr),
        }
    }

    /// The function that is meant where it is called without arguments or named in a string.
    fn function_meant(&mut self, expr: &Expr) -> Option<String> {
        let name = match &expr.kind {
            ExprKind::Call(callee, args) if args.is_empty() => match &callee.kind {
                ExprKind::Name(n) => n.clone(),
                _ => return None,
            },
            ExprKind::Str(s) => s.clone(),
            _ => return None,
        };
        let file = self.file_index(expr.span.file);
        let known = self.callee_named(file, &name);
        matches!(known, Some(Callee::Builtin(_) | Callee::Function(_))).then_some(name)
    }

    fn eval_int_value(&mut self, env: &mut Env, expr: &Expr) -> Val {
        let was = std::mem::replace(&mut env.sizes, true);
        let value = self.eval(env, expr);
        env.sizes = was;
        match self.as_number(&value) {
            Some(n) => Val::Number(n),
            None => value,
        }
    }

    pub(super) fn not_a_choice(&mut self, words: &[String], given: &str, span: Span) {
        let mut d = Diagnostic::error("A0204", format!("`{given}` is not one of the choices"), span)
            .remark(format!("the choices are {}", words.join(", ")));
        if let Some(n) = nearest(given, words.iter().map(String::as_str)) {
            d = d.help(format!("did you mean `{n}`?"));
        }
        self.report(d);
    }

    /// An expression to be evaluated where its shape is known.
    pub(super) fn initialiser(&mut self, env: &mut Env, expr: &Expr) -> Val {
        if let ExprKind::Name(n) = &expr.kind
            && let Some(Val::Init(i)) = env.scope.config.get(n).map(|c| c.value.clone())
        {
            env.used.borrow_mut().insert(n.clone());
            return Val::Init(i);
        }
        let mut names = Vec::new();
        super::expr::names_in(expr, &mut names);
        let mut key = self.sources.slice(expr.span).to_string();
        for (name, _) in &names {
            let known = env.scope.config.get(name).map(|c| c.value.clone());
            env.used.borrow_mut().insert(name.clone());
            if let Some(v) = known.or_else(|| env.axis(name)) {
                key.push_str(&format!("\u{1}{name}={}", self.value_key(&v)));
            }
        }
        Val::Init(Initialiser { expr: Rc::new(expr.clone()), scope: env.scope.clone(), key })
    }

    /// Text that is equal for equal config values.
    pub(super) fn value_key(&self, value: &Val) -> String {
        match value {
            Val::Init(i) => i.key.clone(),
            Val::List(l) => l.iter().map(|v| self.value_key(v)).collect::<Vec<_>>().join(","),
            Val::Callee(c) => format!("{c:?}"),
            Val::Number(Number { value: Scalar::Float(f), .. }) => format!("{f:?}"),
            other => self.show_value(other),
        }
    }

    /// The value as the config's type has it; reports a wrong type.
    pub(super) fn fit_config(&mut self, decl: &ConfigDecl, value: Val, span: Span) -> Val {
        if matches!(value, Val::Error) {
            return Val::Error;
        }
        if !self.config_type(&decl.ty) {
            return Val::Error;
        }
        match fit(&decl.ty.kind, &value) {
            Some(v) => v,
            None => {
                let text = format!(
                    "config `{}` is {}, but {} was given",
                    decl.name.name,
                    show_type(&decl.ty.kind),
                    self.describe(&value)
                );
                let d = Diagnostic::error("A0205", text, span).also(decl.span, "declared here");
                self.report(d.help(format!(
                    "write for example `{}: {}`",
                    decl.name.name,
                    example(&decl.ty.kind)
                )));
                Val::Error
            }
        }
    }

    fn describe(&self, value: &Val) -> String {
        format!("{} `{}`", value.kind(), self.show_value(value))
    }

    /// Reports a value outside the range of its config.
    pub(super) fn in_range(&mut self, env: &mut Env, decl: &ConfigDecl, value: &Val, span: Span) {
        let Some(range) = &decl.range else { return };
        let Some(number) = self.as_number(value) else { return };
        let x = number.value.float();
        let fine = match &range.kind {
            ExprKind::Range(low, high) => {
                let low = low.as_ref().and_then(|e| self.bound(env, e));
                let high = high.as_ref().and_then(|e| self.bound(env, e));
                low.is_none_or(|l| x >= l) && high.is_none_or(|h| x <= h)
            }
            ExprKind::Set(values) => {
                let allowed: Vec<Option<f64>> = values.iter().map(|v| self.bound(env, v)).collect();
                allowed.contains(&Some(x))
            }
            _ => true,
        };
        if fine {
            return;
        }
        let name = &decl.name.name;
        let allowed = self.sources.slice(range.span).to_string();
        let mut d = Diagnostic::error("A0204", format!("{name} = {} is out of range", number.value), span)
            .label(format!("must be in {allowed}"))
            .also(range.span, "allowed here");
        if let Some(o) = &number.origin {
            d = d.fact(format!("{name} = {}", number.value), o.from.clone());
        }
        self.report(d);
    }

    fn bound(&mut self, env: &mut Env, expr: &Expr) -> Option<f64> {
        let value = self.eval(env, expr);
        self.as_number(&value).map(|n| n.value.float())
    }

    fn agrees(&mut self, name: &str, value: &Val, axis: &Val, span: Span) {
        let (Some(n), Val::Axis(a)) = (self.as_number(value), axis) else { return };
        let size = self.size_of(*a) as i64;
        if n.value != Scalar::Int(size) {
            let axis = self.axis_name(*a);
            let text = format!("{name} = {} does not agree with axis {axis} = {size}", n.value);
            self.report(
                Diagnostic::error("A0209", text, span)
                    .help(format!("leave out `{name}`: it is the axis's size")),
            );
        }
    }
}

/// The parts of `if condition { a } else { b }`, where `a` and `b` are nothing but values.
fn plain_if(expr: &Expr) -> Option<(&Expr, &Expr, &Expr)> {
    let ExprKind::If { condition, then, otherwise: Some(otherwise) } = &expr.kind else { return None };
    if !then.statements.is_empty() || !otherwise.statements.is_empty() {
        return None;
    }
    Some((condition, then.tail.as_deref()?, otherwise.tail.as_deref()?))
}

/// All config declarations of a block, those in `if`s too.
pub(super) fn config_decls(members: &[Member]) -> Vec<&ConfigDecl> {
    let mut out = Vec::new();
    for m in members {
        match m {
            Member::Config(c) => out.push(c),
            Member::If(i) => {
                out.extend(config_decls(&i.then));
                out.extend(config_decls(&i.otherwise));
            }
            _ => {}
        }
    }
    out
}

/// The choices of a `one of { … }`, also behind `?`; empty for other types.
pub(super) fn choices(ty: &ConfigTypeKind) -> Rc<[String]> {
    match ty {
        ConfigTypeKind::OneOf(words) => words.iter().map(|w| w.name.clone()).collect(),
        ConfigTypeKind::Optional(inner) => choices(&inner.kind),
        _ => Rc::from([]),
    }
}

/// The number with its history; other values as they are.
pub(super) fn with_origin(value: Val, name: &str, from: &str) -> Val {
    match value {
        Val::Number(n) => {
            let origin = Origin { name: name.to_string(), from: from.to_string() };
            Val::Number(Number { value: n.value, origin: Some(Rc::new(origin)) })
        }
        other => other,
    }
}

fn fit(ty: &ConfigTypeKind, value: &Val) -> Option<Val> {
    match (ty, value) {
        (ConfigTypeKind::Optional(_), Val::None) => Some(Val::None),
        (ConfigTypeKind::Optional(inner), v) => fit(&inner.kind, v),
        (ConfigTypeKind::List(inner), Val::List(l)) => {
            let fitted: Option<Vec<Val>> = l.iter().map(|v| fit(&inner.kind, v)).collect();
            fitted.map(|f| Val::List(Rc::new(f)))
        }
        (ConfigTypeKind::OneOf(words), Val::Word(w)) => {
            words.iter().any(|x| x.name == **w).then(|| value.clone())
        }
        (ConfigTypeKind::Named(n), v) => match (n.name.as_str(), v) {
            ("bool", Val::Bool(_)) | ("string", Val::Str(_)) | ("init", Val::Init(_)) => Some(v.clone()),
            ("fn", Val::Callee(Callee::Builtin(_) | Callee::Function(_))) => Some(v.clone()),
            ("int", Val::Number(Number { value: Scalar::Int(_), .. })) => Some(v.clone()),
            ("float", Val::Number(x)) => {
                let value = Scalar::Float(x.value.float());
                Some(Val::Number(Number { value, origin: x.origin.clone() }))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A value of a type, for messages.
pub(super) fn example(ty: &ConfigTypeKind) -> String {
    match ty {
        ConfigTypeKind::Named(n) => match n.name.as_str() {
            "bool" => "true",
            "int" => "4",
            "float" => "0.5",
            "string" => "\"text\"",
            "init" => "normal(0.02)",
            _ => "silu",
        }
        .to_string(),
        ConfigTypeKind::Optional(t) => example(&t.kind),
        ConfigTypeKind::List(t) => format!("[{}]", example(&t.kind)),
        ConfigTypeKind::OneOf(w) => w.first().map_or_else(String::new, |w| w.name.clone()),
    }
}

/// A config type as it is written.
pub(super) fn show_type(ty: &ConfigTypeKind) -> String {
    match ty {
        ConfigTypeKind::Named(n) => format!("`{}`", n.name),
        ConfigTypeKind::Optional(t) => format!("{} or `none`", show_type(&t.kind)),
        ConfigTypeKind::List(t) => format!("a list of {}", show_type(&t.kind)),
        ConfigTypeKind::OneOf(w) => {
            let names: Vec<&str> = w.iter().map(|w| w.name.as_str()).collect();
            format!("one of {}", names.join(", "))
        }
    }
}
