//! Declaring parameters, buffers and layers.

use super::Session;
use super::block::{Given, Parameter, Template};
use super::scope::{Env, Part};
use super::source::ItemRef;
use super::value::{Callee, Entry, Layer, Tensor, Val};
use crate::graph::{AxisId, DType, InputKind};
use arch_grammar::ast::{self, Arg, Attribute, Expr, ExprKind, LayerDecl, ParamDecl, StrLit};
use arch_grammar::{Diagnostic, Span, nearest};
use std::rc::Rc;

impl Session<'_> {
    pub(super) fn declare_parameter(
        &mut self,
        env: &mut Env,
        template: &mut Template,
        decl: &ParamDecl,
        trained: bool,
    ) {
        self.known_attributes(&decl.attributes, &["name", "stored", "f32", "bf16", "no_decay"]);
        let Some(entries) = self.shape_entries(env, &decl.shape) else {
            return super::block::lose_part(env, &decl.name);
        };
        let shape: Vec<AxisId> = entries.concat();
        let mut stored: Vec<usize> = entries.iter().map(|e| self.elements(e)).collect();
        if let Some(a) = decl.attributes.iter().find(|a| a.name.name == "stored")
            && let Some(arg) = a.args.first()
            && let Some(s) = self.stored_sizes(env, &arg.value, self.elements(&shape))
        {
            stored = s;
        }
        let public = self.public_name(&decl.attributes).map(|name| self.fill(env, &name));
        let public = public.unwrap_or_else(|| decl.name.name.clone());
        let parameter = Parameter {
            name: decl.name.name.clone(),
            public,
            outputs: entries.first().map_or(0, Vec::len),
            shape,
            stored,
            init: decl.init.clone().map(Rc::new),
            trained,
            decay: !decl.attributes.iter().any(|a| a.name.name == "no_decay"),
            bf16: decl.attributes.iter().any(|a| a.name.name == "bf16"),
            declared: decl.name.span,
        };
        let part = Part::Parameter(template.parameters.len());
        self.declare_part(env, &decl.name, part);
        template.parameters.push(parameter);
    }

    fn declare_part(&mut self, env: &mut Env, name: &ast::Ident, part: Part) {
        let before = env.scope.parts.get(&name.name).cloned();
        if let Some((p, before)) = before
            && !matches!(p, Part::Layer(Val::Absent(_)))
        {
            let d = Diagnostic::error("A0104", format!("`{}` is declared twice", name.name), name.span);
            self.report(d.label("declared again here").also(before, "first declared here"));
            return;
        }
        Rc::make_mut(&mut env.scope).parts.insert(name.name.clone(), (part, name.span));
    }

    pub(super) fn known_attributes(&mut self, attributes: &[Attribute], known: &[&str]) {
        for a in attributes {
            if known.contains(&a.name.name.as_str()) {
                continue;
            }
            let mut d =
                Diagnostic::error("A0105", format!("there is no attribute `@{}` here", a.name.name), a.span);
            d = match nearest(&a.name.name, known.iter().copied()) {
                Some(n) => d.help(format!("did you mean `@{n}`?")),
                None if known.is_empty() => d.help("no attributes stand here"),
                None => d.help(format!("here stand: @{}", known.join(", @"))),
            };
            self.report(d);
        }
    }

    fn public_name(&mut self, attributes: &[Attribute]) -> Option<StrLit> {
        let a = attributes.iter().find(|a| a.name.name == "name")?;
        match a.args.first().map(|a| (&a.value.kind, a.value.span)) {
            Some((ExprKind::Str(s), span)) => Some(StrLit { value: s.clone(), span }),
            _ => {
                let d = Diagnostic::error("A0105", "`@name` takes a text", a.span);
                self.report(d.help("write `@name(\"adaLN_modulation.1\")`"));
                None
            }
        }
    }

    /// `[1, T, D]` as sizes; their product must be that of the tensor.
    fn stored_sizes(&mut self, env: &mut Env, expr: &Expr, elements: usize) -> Option<Vec<usize>> {
        let ExprKind::List(entries) = &expr.kind else {
            let d = Diagnostic::error("A0105", "`@stored` takes a shape", expr.span);
            self.report(d.help("write `@stored([1, T, D])`, for a layer `@stored(weight: [D, C, P, Q])`"));
            return None;
        };
        let mut sizes = Vec::new();
        for e in entries {
            sizes.push(usize::try_from(self.eval_int(env, e)?).unwrap_or(0));
        }
        let n = sizes.iter().fold(1, |n: usize, s| n.saturating_mul(*s));
        if n != elements {
            let text = format!("this stored shape has {n} elements, the tensor has {elements}");
            self.report(Diagnostic::error("A0309", text, expr.span));
            return None;
        }
        Some(sizes)
    }

    pub(super) fn declare_layer(&mut self, env: &mut Env, template: &mut Template, decl: &LayerDecl) {
        self.known_attributes(&decl.attributes, &["name", "stored"]);
        let own_name = || StrLit { value: decl.name.name.clone(), span: decl.name.span };
        let path = self.public_name(&decl.attributes).unwrap_or_else(own_name);
        let mut value = self.layer_value(env, &decl.value, &path);
        if matches!(value, Val::Error) {
            self.unknown_because_of_an_error();
            return super::block::lose_part(env, &decl.name);
        }
        if let Some(a) = decl.attributes.iter().find(|a| a.name.name == "stored") {
            self.layer_stored(env, &mut value, a);
        }
        collect_layers(&value, &mut template.layers);
        self.declare_part(env, &decl.name, Part::Layer(value));
    }

    /// The layers of a declaration; `path` is where they hang, with `{values}` that are filled in for each.
    pub(super) fn layer_value(&mut self, env: &mut Env, expr: &Expr, path: &StrLit) -> Val {
        match &expr.kind {
            ExprKind::Call(callee, args) => self.one_layer(env, callee, args, expr.span, path),
            ExprKind::Name(_) => self.one_layer(env, expr, &[], expr.span, path),
            ExprKind::Paren(x) => self.layer_value(env, x, path),
            ExprKind::Repeat(layer, count) => {
                let Some(n) = self.eval_int(env, count) else { return Val::Error };
                if !(0..=super::expr::MOST_REPEATS).contains(&n) {
                    let d = Diagnostic::error(
                        "A0207",
                        format!("a layer cannot be repeated {n} times"),
                        count.span,
                    );
                    let d = self.facts(env, count, d);
                    self.report(d.help("at most 10,000 times are allowed"));
                    return Val::Error;
                }
                self.layer_list((0..n).map(|i| (numbered(path, i), &**layer)), env)
            }
            ExprKind::List(xs) => {
                let rows = xs.iter().zip(0..);
                self.layer_list(rows.map(|(x, i)| (numbered(path, i), x)), env)
            }
            ExprKind::ListFor { body, name: counter, iter } => {
                let Some((from, to)) = self.int_range(env, iter) else { return Val::Error };
                let mut layers = Vec::new();
                // A name that says the counter is the name of each; else they are numbered.
                let named = path.value.contains(&format!("{{{}}}", counter.name));
                for i in from..to {
                    env.frames.push(super::scope::Frame::default());
                    env.bind(&counter.name, Val::int(i), counter.span);
                    let path = if named { path.clone() } else { numbered(path, i - from) };
                    let layer = self.layer_value(env, body, &path);
                    env.frames.pop();
                    if matches!(layer, Val::Error) {
                        return Val::Error;
                    }
                    layers.push(layer);
                }
                Val::List(Rc::new(layers))
            }
            ExprKind::If { condition, then, otherwise } => {
                let Some(holds) = self.eval_condition(env, condition) else { return Val::Error };
                let body = if holds { Some(then) } else { otherwise.as_ref() };
                match body.and_then(|b| b.tail.as_deref()) {
                    Some(tail) => self.layer_value(env, tail, path),
                    None => {
                        let text = self.sources.slice(condition.span);
                        Val::Absent(format!("it exists only if {text}").into())
                    }
                }
            }
            ExprKind::Error => Val::Error,
            _ => {
                let d = Diagnostic::error("A0403", "a layer is declared by calling a block", expr.span);
                self.report(
                    d.help("write for example `norm = layer_norm(D)`, or `let` inside `forward` for a value"),
                );
                Val::Error
            }
        }
    }

    /// Layers in a row, each with its path; ends at the first mistake, which the others would repeat.
    fn layer_list<'e>(&mut self, rows: impl Iterator<Item = (StrLit, &'e Expr)>, env: &mut Env) -> Val {
        let mut layers = Vec::new();
        for (path, layer) in rows {
            match self.layer_value(env, layer, &path) {
                Val::Error => return Val::Error,
                layer => layers.push(layer),
            }
        }
        Val::List(Rc::new(layers))
    }

    fn one_layer(&mut self, env: &mut Env, callee: &Expr, args: &[Arg], span: Span, path: &StrLit) -> Val {
        let item = match &callee.kind {
            ExprKind::Name(n) if self.is_lost(env.scope.file, n) => return Val::Error,
            ExprKind::Name(n) => match self.callee_named(env.scope.file, n) {
                Some(Callee::Block(item)) => Some(item),
                Some(_) => None,
                None => return self.eval(env, callee),
            },
            _ => None,
        };
        let Some(item) = item else {
            let text = self.sources.slice(callee.span).to_string();
            let d = Diagnostic::error("A0403", format!("`{text}` is not a block"), callee.span)
                .label("a layer is declared by calling a block")
                .help("functions are called in `forward`; only what has weights is declared");
            self.report(d);
            return Val::Error;
        };
        if self.is_broken(item) {
            return Val::Error;
        }
        let Some(given) = self.layer_args(env, item, args, span) else { return Val::Error };
        let given_axes: Vec<AxisId> = given.axes.concat();
        let template = self.instantiate(item, given).filter(|t| self.templates[t.0].whole);
        let Some(template) = template else { return Val::Error };
        let own = self.templates[template.0].axes.clone();
        let mut axes: Vec<(AxisId, AxisId, AxisId)> = Vec::new();
        for (own, real) in own.into_iter().zip(given_axes) {
            let taken = axes.iter().any(|(_, r, _)| *r == real);
            let name = self.axis_name(own);
            let used = if taken { self.copy_axis(real, &name) } else { real };
            axes.push((own, real, used));
        }
        let path = self.fill(env, path);
        let layer = Layer { template, axes, path, stored: Vec::new(), declared: span };
        Val::Layer(Box::new(layer))
    }

    /// Axes and config values from the arguments of a layer's declaration.
    pub(super) fn layer_args(
        &mut self,
        env: &mut Env,
        item: ItemRef,
        args: &[Arg],
        span: Span,
    ) -> Option<Given> {
        let (ast, index) = self.block_item(item)?;
        let ast::Item::Block(block) = &ast.items[index] else { return None };
        let mut axes: Vec<Vec<AxisId>> = Vec::new();
        let mut config = Vec::new();
        let mut fine = true;
        let passes_on = args.last().filter(|a| a.name.is_none() && is_dots(&a.value));
        for arg in &args[..args.len() - usize::from(passes_on.is_some())] {
            let Some(name) = &arg.name else {
                fine &= self.axis_arguments(env, &arg.value, &mut axes);
                continue;
            };
            if let Some(p) = block.axes.iter().position(|a| a.name.name == name.name) {
                match self.axes_from_expr(env, &arg.value) {
                    Some(a) if p == axes.len() => axes.push(a),
                    Some(_) => {
                        let d = Diagnostic::error(
                            "A0401",
                            "axes are given in the order of the block",
                            arg.value.span,
                        );
                        self.report(d);
                        fine = false;
                    }
                    None => fine = false,
                }
                continue;
            }
            let decls = super::config::config_decls(&block.members);
            let Some(decl) = decls.iter().find(|c| c.name.name == name.name) else {
                // It is reported with the names that there are, where the block is known.
                config.push((name.name.clone(), Val::None, name.span));
                continue;
            };
            let value = self.config_value(env, &decl.ty, &arg.value);
            let value = self.keep_origin(env, value, &arg.value);
            fine &= !matches!(value, Val::Error);
            config.push((name.name.clone(), value, arg.value.span));
        }
        if let Some(dots) = passes_on {
            fine &= self.pass_on(env, block, dots.value.span, &mut config);
        }
        // Axis parameters that are tied to a config value may be left out.
        while axes.len() < block.axes.len() {
            let param = &block.axes[axes.len()];
            let Some(ast::Expr { kind: ExprKind::Name(tie), .. }) = &param.tied else { break };
            let Some((_, v, at)) = config.iter().find(|(n, _, _)| n == tie).cloned() else { break };
            let n = self.as_int(&v, at)?;
            axes.push(vec![self.new_axis(&param.name.name, usize::try_from(n).ok()?, at)]);
        }
        fine.then_some(Given { axes, config, site: span })
    }

    /// Gives a layer's block the config values that it has under the same names as the block that declares it,
    /// but for those that are given. Reports dots that give nothing.
    fn pass_on(
        &mut self,
        env: &Env,
        block: &ast::BlockItem,
        dots: Span,
        config: &mut Vec<(String, Val, Span)>,
    ) -> bool {
        let given = config.len();
        let decls = super::config::config_decls(&block.members);
        for name in decls.iter().map(|d| &d.name.name) {
            if let Some(own) = env.scope.config.get(name)
                && !config[..given].iter().any(|(n, _, _)| n == name)
            {
                env.used.borrow_mut().insert(name.clone());
                config.push((name.clone(), own.value.clone(), dots));
            }
        }
        if config.len() > given {
            return true;
        }
        let text = format!("`..` hands nothing down to `{}`", block.name.name);
        let d =
            Diagnostic::error("A0402", text, dots).label("no config value here has a name of its own ones");
        let names: Vec<&str> = decls.iter().map(|d| d.name.name.as_str()).collect();
        self.report(match names.is_empty() {
            true => d.help("it has no config: leave `..` out"),
            false => d.help(format!("its config: {}", names.join(", "))),
        });
        false
    }

    fn axis_arguments(&mut self, env: &mut Env, value: &Expr, axes: &mut Vec<Vec<AxisId>>) -> bool {
        let parts: Vec<&Expr> = match &value.kind {
            ExprKind::Arrow(from, to) => vec![from, to],
            _ => vec![value],
        };
        for p in parts {
            match self.axes_from_expr(env, p) {
                Some(a) => axes.push(a),
                None => return false,
            }
        }
        true
    }

    /// A number that was computed at the declaration remembers the calculation.
    fn keep_origin(&mut self, env: &mut Env, value: Val, expr: &Expr) -> Val {
        let _ = env;
        match (&value, &expr.kind) {
            (Val::Number(n), _) if n.origin.is_some() => value,
            (Val::Number(_), _) => {
                let text = self.sources.slice(expr.span).to_string();
                let place = self.sources.place(expr.span);
                let from = match expr.kind {
                    ExprKind::Int(_) | ExprKind::Float { .. } => format!("given at {place}"),
                    _ => format!("= {text} ({place})"),
                };
                super::config::with_origin(value, "", &from)
            }
            _ => value,
        }
    }

    /// `@stored(weight: [D, C, P, Q])` on a layer.
    fn layer_stored(&mut self, env: &mut Env, value: &mut Val, attribute: &Attribute) {
        let Val::Layer(layer) = value else {
            let d =
                Diagnostic::error("A0105", "`@stored` stands at one layer, not at several", attribute.span);
            return self.report(d);
        };
        for arg in &attribute.args {
            let Some(name) = &arg.name else {
                let d =
                    Diagnostic::error("A0105", "for a layer, `@stored` names the parameter", attribute.span);
                return self.report(d.help("write `@stored(weight: [D, C, P, Q])`"));
            };
            let template = &self.templates[layer.template.0];
            let Some(i) = template.parameters.iter().position(|p| p.name == name.name) else {
                let text = format!("`{}` has no parameter `{}`", template.name, name.name);
                return self.report(Diagnostic::error("A0105", text, name.span));
            };
            let shape = template.parameters[i].shape.clone();
            let elements = self.elements(&shape);
            if let Some(sizes) = self.stored_sizes(env, &arg.value, elements) {
                layer.stored.push((name.name.clone(), sizes));
            }
        }
    }

    /// A parameter where it is used: an input of the function.
    pub(super) fn use_parameter(&mut self, env: &Env, index: usize, span: Span) -> Val {
        let Some(template) = env.template else { return Val::Error };
        let p = self.templates[template.0].parameters[index].clone();
        let dtype = if p.bf16 { DType::BF16 } else { DType::F32 };
        let kind = if p.trained { InputKind::Parameter } else { InputKind::Buffer };
        let value = self.hidden_input(&p.public, kind, &p.shape, dtype, p.declared);
        let how: Rc<str> = format!("`{}` has it", p.name).into();
        let entry = Entry { span: p.declared, how };
        let axes = p.shape.iter().map(|a| (*a, entry.clone())).collect();
        let _ = span;
        Val::Tensor(Tensor { level: 0, value, axes, dtype, gone: Rc::default() })
    }
}

/// `..` alone.
fn is_dots(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Range(None, None))
}

pub(super) fn collect_layers(value: &Val, out: &mut Vec<Layer>) {
    match value {
        Val::Layer(l) => out.push((**l).clone()),
        Val::List(l) => l.iter().for_each(|v| collect_layers(v, out)),
        _ => {}
    }
}

/// The path of a layer in a list.
fn numbered(path: &StrLit, number: i64) -> StrLit {
    StrLit { value: join(&path.value, &number.to_string()), span: path.span }
}

/// Two steps of a path; empty steps vanish.
pub(super) fn join(a: &str, b: &str) -> String {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.to_string(),
        (_, true) => a.to_string(),
        _ => format!("{a}.{b}"),
    }
}
