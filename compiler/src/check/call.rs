//! Calls of operations, functions and layers.

use super::Session;
use super::forward::{ArgShape, Built, CallShape};
use super::layers::join;
use super::matching::{Bound, Called, Pattern, Slot};
use super::pairs::Pairs;
use super::report::{Site, counted};
use super::scope::{Env, Frame};
use super::source::ItemRef;
use super::value::{Callee, Departure, Entry, Layer, Scalar, Tensor, Val, Way};
use crate::graph::{AxisId, DType, InputKind, ValueId};
use crate::ops::{Op, View};
use arch_grammar::ast::{self, Arg, Expr, ExprKind, Param, ParamKind};
use arch_grammar::{Diagnostic, Span, nearest};
use indexmap::IndexMap;
use std::rc::Rc;

/// An argument with its place.
#[derive(Clone)]
pub(super) struct Given<'a> {
    pub name: Option<&'a ast::Ident>,
    /// The value, if it came through a pipe; otherwise the expression is evaluated where it is wanted.
    pub value: Option<Val>,
    pub expr: Option<&'a Expr>,
    pub span: Span,
}

/// A call of a layer whose arguments were bound to what its block takes.
struct LayerCall<'c> {
    /// The layer, as it is called.
    shown: &'c str,
    bound: &'c Bound,
    /// The arguments, and where they stand.
    tensors: &'c [(Tensor, Span)],
    /// How deep in scans the call stands.
    level: usize,
    span: Span,
}

impl Session<'_> {
    pub(super) fn eval_call(
        &mut self,
        env: &mut Env,
        callee: &Expr,
        piped: Option<(Val, Span)>,
        args: &[Arg],
        span: Span,
    ) -> Val {
        if matches!(piped, Some((Val::Error, _))) {
            return Val::Error;
        }
        let mut target = self.eval(env, callee);
        // A number cannot be called: `dropout(x, dropout)` has a function and a config value of one name.
        if let (Val::Number(_), ExprKind::Name(name)) = (&target, &callee.kind)
            && let Some(function) = self.callee_named(env.scope.file, name)
        {
            target = Val::Callee(function);
        }
        let mut given: Vec<Given<'_>> = Vec::new();
        if let Some((value, at)) = piped {
            given.push(Given { name: None, value: Some(value), expr: None, span: at });
        }
        given.extend(args.iter().map(|a| Given {
            name: a.name.as_ref(),
            value: None,
            expr: Some(&a.value),
            span: a.value.span,
        }));
        let shown = self.sources.slice(callee.span).to_string();
        match target {
            Val::Error => {
                self.look_at_arguments(env, args);
                Val::Error
            }
            Val::Callee(Callee::Builtin(name)) => self.call_builtin(env, name, &given, span),
            Val::Callee(Callee::Function(item)) => self.call_function(env, item, &given, span),
            Val::Layer(layer) => self.call_layer(env, &layer, &shown, &given, span),
            Val::Callee(Callee::Block(item)) => {
                let name = self.item_name(item).name;
                let d =
                    Diagnostic::error("A0403", format!("block `{name}` is called where values are"), span)
                        .label("a block has weights and must be declared first")
                        .help(format!(
                            "declare `layer = {name}(…)` among the block's members, then call `layer(…)`"
                        ));
                self.report(d);
                Val::Error
            }
            Val::Absent(why) => {
                let d = Diagnostic::error(
                    "A0410",
                    format!("`{shown}` does not exist in this configuration"),
                    callee.span,
                )
                .remark(why.to_string())
                .help("use it under the same condition: `if … { … } else { … }`");
                self.report(d);
                Val::Error
            }
            other => {
                let text = format!("`{shown}` is {}, which cannot be called", other.kind());
                let mut d = Diagnostic::error("A0403", text, callee.span);
                if matches!(other, Val::List(_)) {
                    d = d.help(format!(
                        "call its layers one after the other: `for layer in {shown} {{ x <- layer(x) }}`, or one: `{shown}[0](x)`"
                    ));
                }
                self.report(d);
                Val::Error
            }
        }
    }

    /// Looks for mistakes in the arguments of a call of something unknown. Which of them are axes nobody knows,
    /// but what calculates is a value.
    fn look_at_arguments(&mut self, env: &mut Env, args: &[Arg]) {
        for arg in args {
            if matches!(arg.value.kind, ExprKind::Call(..) | ExprKind::Pipe(..) | ExprKind::Binary(..)) {
                self.eval(env, &arg.value);
            }
        }
    }

    /// Which argument goes to which parameter. Reports missing, surplus and unknown ones.
    pub(super) fn assign<'a>(
        &mut self,
        what: &str,
        params: &[Param],
        open: &[String],
        given: &[Given<'a>],
        span: Span,
    ) -> Option<(Vec<Option<Given<'a>>>, Vec<Given<'a>>)> {
        let mut slots: Vec<Option<Given<'a>>> = vec![None; params.len()];
        let mut named_axes = Vec::new();
        let mut next = 0;
        for g in given {
            let place = match g.name {
                None => {
                    next += 1;
                    next - 1
                }
                Some(n) => match params.iter().position(|p| p.name.name == n.name) {
                    Some(i) => i,
                    None if open.contains(&n.name) => {
                        named_axes.push(g.clone());
                        continue;
                    }
                    None => {
                        self.unknown_argument(what, params, n);
                        return None;
                    }
                },
            };
            if place >= params.len() {
                let names: Vec<&str> = params.iter().map(|p| p.name.name.as_str()).collect();
                let takes = counted(params.len(), "argument");
                let text = format!("`{what}` takes {takes} ({})", names.join(", "));
                self.report(Diagnostic::error("A0401", text, g.span).label("one too many"));
                return None;
            }
            if slots[place].is_some() {
                let text = format!("`{}` of `{what}` is given twice", params[place].name.name);
                let d = Diagnostic::error("A0401", text, g.span).label("given again");
                self.report(d.help("arguments without names go to the parameters in order; leave one out"));
                return None;
            }
            slots[place] = Some(g.clone());
        }
        for (slot, p) in slots.iter().zip(params) {
            if slot.is_none() && p.default.is_none() && p.condition.is_none() {
                let text = format!("`{what}` needs `{}`", p.name.name);
                let d = Diagnostic::error("A0401", text, span)
                    .label("missing here")
                    .also(p.span, "declared here");
                self.report(d.help(format!("give it: `{what}(…, {0}: …)`", p.name.name)));
                return None;
            }
        }
        Some((slots, named_axes))
    }

    fn unknown_argument(&mut self, what: &str, params: &[Param], name: &ast::Ident) {
        let names: Vec<&str> = params.iter().map(|p| p.name.name.as_str()).collect();
        let d = Diagnostic::error("A0402", format!("`{what}` has no `{}`", name.name), name.span);
        let d = match nearest(&name.name, names.iter().copied()) {
            Some(n) => d.help(format!("did you mean `{n}`?")),
            None if names.is_empty() => d.help("it takes no arguments"),
            None => d.help(format!("it takes `{}`", names.join("`, `"))),
        };
        self.report(d);
    }

    /// The value of an argument, evaluated in the caller's scope.
    pub(super) fn given_value(&mut self, env: &mut Env, given: &Given<'_>) -> Val {
        match (&given.value, given.expr) {
            (Some(v), _) => v.clone(),
            (None, Some(e)) => self.eval(env, e),
            (None, None) => Val::Error,
        }
    }

    /// Arguments have their values before a call's axes are looked up: `softmax(flatten(x, (H, W) -> T), over: T)`
    /// makes its axis itself.
    fn evaluated<'a>(
        &mut self,
        env: &mut Env,
        params: &[Param],
        slots: Vec<Option<Given<'a>>>,
    ) -> Vec<Option<Given<'a>>> {
        let mut value = |(param, slot): (&Param, Option<Given<'a>>)| match slot {
            Some(g) if !matches!(param.kind, ParamKind::Axis(_)) => {
                let value = self.given_value(env, &g);
                Some(Given { value: Some(value), ..g })
            }
            slot => slot,
        };
        params.iter().zip(slots).map(&mut value).collect()
    }

    /// A `fn` is expanded where it is called.
    fn call_function(&mut self, env: &mut Env, item: ItemRef, given: &[Given<'_>], span: Span) -> Val {
        let ast = self.files[item.file].ast.clone();
        let ast::Item::Fn(function) = &ast.items[item.index] else { return Val::Error };
        let name = function.name.name.clone();
        if self.is_broken(item) {
            return Val::Error;
        }
        if env.expanding.len() > 128 {
            let d =
                Diagnostic::error("A0404", format!("`{name}` calls itself without end"), function.name.span)
                    .label("more than 128 calls inside each other");
            self.report(d.help("a compile-time function may call itself if a number gets smaller"));
            return self.give_up();
        }
        let mut inner = Env::new(Rc::new(super::scope::Scope { file: item.file, ..Default::default() }));
        inner.sizes = env.sizes;
        inner.init = env.init.clone();
        inner.expanding = env.expanding.clone();
        inner.expanding.push(item);
        let open = open_names(&function.params);
        let Some((slots, named)) = self.assign(&name, &function.params, &open, given, span) else {
            return Val::Error;
        };
        let slots = self.evaluated(env, &function.params, slots);
        let site = Site { span, name: name.as_str().into(), function: true, bindings: Rc::default() };
        self.within(site, |s| s.expand(env, inner, function, &slots, &named, span)).unwrap_or(Val::Error)
    }

    fn expand(
        &mut self,
        env: &mut Env,
        mut inner: Env,
        function: &ast::FnItem,
        slots: &[Option<Given<'_>>],
        named: &[Given<'_>],
        span: Span,
    ) -> Option<Val> {
        let mut explicit: IndexMap<String, AxisId> = IndexMap::new();
        for g in named {
            let axis = self.axis_argument(env, g)?;
            explicit.insert(g.name?.name.clone(), axis);
        }
        let mut shaped: Vec<(String, Vec<Pattern>, Span)> = Vec::new();
        let mut tensors: Vec<(Tensor, Span)> = Vec::new();
        let mut places = Vec::new();
        // Axes come first: shapes may name them, wherever they stand.
        for (param, slot) in function.params.iter().zip(slots) {
            if let (ParamKind::Axis(axis), Some(g)) = (&param.kind, slot) {
                let a = self.axis_argument(env, g)?;
                explicit.insert(axis.name.clone(), a);
                inner.bind(&param.name.name, Val::Axis(a), param.name.span);
                inner.bind_axis(&param.name.name, a);
            }
        }
        for (param, slot) in function.params.iter().zip(slots) {
            let (value, at) = match slot {
                _ if matches!(param.kind, ParamKind::Axis(_)) => continue,
                Some(g) => (self.given_value(env, g), g.span),
                None => {
                    let default = param.default.as_ref()?;
                    (self.eval(&mut inner, default), default.span)
                }
            };
            if matches!(value, Val::Error) {
                return None;
            }
            match &param.kind {
                ParamKind::Tensor(shape) => {
                    let t = self.element_type(&value, shape, &param.name.name, at)?;
                    let outer = Env::new(Rc::default());
                    shaped.push((param.name.name.clone(), self.pattern(&outer, shape, &|a| a)?, param.span));
                    tensors.push((t, at));
                    places.push(param.name.clone());
                }
                ParamKind::Value(ty) => {
                    let value = self.value_argument(value, ty, &param.name.name, at)?;
                    inner.bind(&param.name.name, value, param.name.span);
                }
                _ => inner.bind(&param.name.name, value, param.name.span),
            }
        }
        let to = Called { name: &function.name.name, layer: None, span };
        let bound = self.bind(to, &shaped, &tensors, &explicit)?;
        self.remember_bindings(&bound);
        let back = self.own_open_axes(&mut inner, &bound);
        for (((t, at), slots), name) in tensors.iter().zip(&bound.args).zip(&places) {
            let t = self.callee_view(t, slots, &back, *at);
            inner.bind(&name.name, Val::Tensor(t), name.span);
        }
        inner.lifted.clone_from(&env.lifted);
        // What one function lets through may pass through the function that it calls, too.
        inner.lifted.extend(bound.lifted.iter().map(|(a, _)| *a).filter(|a| !env.lifted.contains(a)));
        // The frame stays: results may have axes that the body made.
        inner.frames.push(Frame::default());
        let value = self.run_body(&mut inner, &function.body);
        self.function_result(&mut inner, function, value, &bound, &back, span)
    }

    /// The function's own axes for open axes: the caller's axis itself, or another identity where the
    /// caller gave one axis twice. Gives pairs (own, caller's) for the latter.
    fn own_open_axes(&mut self, inner: &mut Env, bound: &Bound) -> Vec<(usize, AxisId, AxisId)> {
        // An axis that passes through the function is another one than the function's own of that identity.
        let mut seen: Vec<AxisId> = bound.lifted.iter().map(|(a, _)| *a).collect();
        let mut renamed = Vec::new();
        for (i, (name, axis)) in bound.open.iter().enumerate() {
            let own = if seen.contains(axis) {
                let own = self.copy_axis(*axis, name);
                renamed.push((i, own, *axis));
                own
            } else {
                seen.push(*axis);
                *axis
            };
            inner.bind_axis(name, own);
        }
        renamed
    }

    fn callee_view(
        &mut self,
        t: &Tensor,
        slots: &[(AxisId, Slot)],
        renamed: &[(usize, AxisId, AxisId)],
        span: Span,
    ) -> Tensor {
        let mut t = t.clone();
        for (axis, slot) in slots {
            if let Some((_, own, _)) = renamed.iter().find(|(i, _, _)| *slot == Slot::Open(*i)) {
                t = self.rename(&t, *axis, *own, span, "given here");
            }
        }
        t
    }

    fn function_result(
        &mut self,
        inner: &mut Env,
        function: &ast::FnItem,
        value: Val,
        bound: &Bound,
        renamed: &[(usize, AxisId, AxisId)],
        span: Span,
    ) -> Option<Val> {
        let body = function.body.tail.as_ref().map_or(function.body.span, |t| t.span);
        let lifted: Vec<AxisId> = bound.lifted.iter().map(|(a, _)| *a).collect();
        let mut finish = |s: &mut Self, v: Val, shape: Option<&ast::Shape>| -> Option<Val> {
            let Val::Tensor(mut t) = v else { return (!matches!(v, Val::Error)).then_some(v) };
            if let Some(shape) = shape {
                let what = format!("the result of `{}`", function.name.name);
                let order = s.held_against(inner, &t, shape, &lifted, body, &what)?;
                t.axes.sort_by_key(|(a, _)| order.iter().position(|b| a == b));
            }
            for (_, own, caller) in renamed {
                if t.has(*own) {
                    if t.has(*caller) {
                        s.twice(&function.name.name, *caller, bound, span);
                        return None;
                    }
                    t = s.rename(&t, *own, *caller, span, "came back here");
                }
            }
            Some(Val::Tensor(t))
        };
        let shapes: Vec<&ast::Shape> = function.results.iter().map(|r| &r.shape).collect();
        match value {
            Val::Tuple(vs) if shapes.len() != 1 => {
                let vs: Option<Vec<Val>> = vs
                    .iter()
                    .enumerate()
                    .map(|(i, v)| finish(self, v.clone(), shapes.get(i).copied()))
                    .collect();
                vs.map(|v| Val::Tuple(Rc::new(v)))
            }
            v => {
                let v = match (v, shapes.first()) {
                    (v @ (Val::Number(_) | Val::Axis(_)), Some(_)) => Val::Tensor(self.tensor(&v, body)?),
                    (v, _) => v,
                };
                finish(self, v, shapes.first().copied())
            }
        }
    }

    fn twice(&mut self, what: &str, axis: AxisId, bound: &Bound, span: Span) {
        let name = self.axis_name(axis);
        let d = Diagnostic::error(
            "A0307",
            format!("the result of `{what}` would have axis `{name}` twice"),
            span,
        )
        .help(format!("rename one of the arguments first: `rename(…, {name} -> S)`"));
        let d = self.with_bindings(d, bound);
        self.report(d);
    }

    fn axis_argument(&mut self, env: &mut Env, given: &Given<'_>) -> Option<AxisId> {
        match (&given.value, given.expr) {
            (Some(Val::Axis(a)), _) => Some(*a),
            (_, Some(e)) => {
                let text = self.sources.slice(e.span).to_string();
                self.axis_from_expr(env, e, &text)
            }
            _ => {
                self.report(Diagnostic::error("A0316", "an axis is wanted here", given.span));
                None
            }
        }
    }

    /// A compile-time argument of the declared type.
    fn value_argument(&mut self, value: Val, ty: &ast::Ident, name: &str, span: Span) -> Option<Val> {
        let fine = match ty.name.as_str() {
            "int" => {
                return self
                    .as_int(&value, span)
                    .map(|_| self.as_number(&value))
                    .map(|n| n.map_or(Val::Error, Val::Number));
            }
            "float" => self.as_number(&value).is_some(),
            "bool" => matches!(value, Val::Bool(_)),
            "string" => matches!(value, Val::Str(_)),
            "fn" => matches!(value, Val::Callee(_)),
            _ => true,
        };
        if fine {
            return Some(match self.as_number(&value) {
                Some(n) => Val::Number(n),
                None => value,
            });
        }
        let text = format!("`{name}` is a `{}`, but {} was given", ty.name, value.kind());
        self.report(Diagnostic::error("A0205", text, span));
        None
    }

    /// Integers where floats are wanted are converted; floats where integers are wanted are an error.
    fn element_type(&mut self, value: &Val, shape: &ast::Shape, name: &str, span: Span) -> Option<Tensor> {
        let integer = shape.dtype.as_ref().is_some_and(|d| d.name == "int");
        if let (true, Some(Scalar::Int(i))) = (integer, self.as_number(value).map(|n| n.value)) {
            return Some(self.number(i as f64, true, span));
        }
        let t = self.tensor(value, span)?;
        if !integer {
            return Some(self.float(&t, span));
        }
        if t.dtype != DType::Int {
            let d =
                Diagnostic::error("A0315", format!("`{name}` takes integers, but floats are given"), span)
                    .also(shape.span, "declared here");
            self.report(d);
            return None;
        }
        Some(t)
    }

    fn call_layer(
        &mut self,
        env: &mut Env,
        layer: &Layer,
        shown: &str,
        given: &[Given<'_>],
        span: Span,
    ) -> Val {
        self.call_layer_inner(env, layer, shown, given, span).unwrap_or(Val::Error)
    }

    /// Axes that a call gives by name, `T: GH`, or for a parameter that takes one.
    fn explicit_axes(
        &mut self,
        env: &mut Env,
        params: &[Param],
        slots: &[Option<Given<'_>>],
        named: &[Given<'_>],
    ) -> Option<IndexMap<String, AxisId>> {
        let mut explicit: IndexMap<String, AxisId> = IndexMap::new();
        for g in named {
            let axis = self.axis_argument(env, g)?;
            explicit.insert(g.name?.name.clone(), axis);
        }
        for (param, slot) in params.iter().zip(slots) {
            if let (ParamKind::Axis(axis), Some(g)) = (&param.kind, slot) {
                let a = self.axis_argument(env, g)?;
                explicit.insert(axis.name.clone(), a);
            }
        }
        Some(explicit)
    }

    fn call_layer_inner(
        &mut self,
        env: &mut Env,
        layer: &Layer,
        shown: &str,
        given: &[Given<'_>],
        span: Span,
    ) -> Option<Val> {
        let template = &self.templates[layer.template.0];
        let (scope, name) = (template.scope.clone(), template.name.clone());
        let Some(forward) = template.forward.clone() else {
            let d = Diagnostic::error("A0405", format!("`{name}` has no `forward`"), span);
            self.report(d);
            return None;
        };
        let mut inner = Env::new(scope);
        inner.template = Some(layer.template);
        let open = open_names(&forward.params);
        let (mut slots, named) = self.assign(shown, &forward.params, &open, given, span)?;
        if !named.is_empty() {
            slots = self.evaluated(env, &forward.params, slots);
        }
        let explicit = self.explicit_axes(env, &forward.params, &slots, &named)?;
        let to_caller = |a: AxisId| layer.axes.iter().find(|(o, _, _)| *o == a).map_or(a, |(_, c, _)| *c);
        let mut shaped = Vec::new();
        let mut tensors = Vec::new();
        let mut args: Vec<Option<ArgShape>> = Vec::new();
        for (param, slot) in forward.params.iter().zip(&slots) {
            let condition = match &param.condition {
                Some(c) => self.eval_condition(&mut inner, c)?,
                None => true,
            };
            if !condition {
                let why = self.sources.slice(param.condition.as_ref()?.span).to_string();
                args.push(Some(ArgShape::Absent(format!("it is an input only if {why}").into())));
                continue;
            }
            let (value, at) = match (&param.kind, slot) {
                (ParamKind::Axis(axis), _) => {
                    let i = explicit.get_index_of(&axis.name)?;
                    args.push(Some(ArgShape::Axis(i)));
                    continue;
                }
                (_, Some(g)) => (self.given_value(env, g), g.span),
                (_, None) => match &param.default {
                    Some(d) => (self.eval(&mut inner, d), d.span),
                    None => {
                        let text = format!("`{shown}` needs `{}` in this configuration", param.name.name);
                        self.report(Diagnostic::error("A0401", text, span).also(param.span, "declared here"));
                        return None;
                    }
                },
            };
            match &param.kind {
                ParamKind::Tensor(shape) => {
                    let value = self.present(value, at)?;
                    let t = self.element_type(&value, shape, &param.name.name, at)?;
                    let pattern = self.pattern(&inner, shape, &to_caller)?;
                    shaped.push((param.name.name.clone(), pattern, param.span));
                    tensors.push((t, at));
                    args.push(None);
                }
                ParamKind::Value(ty) => {
                    let v = self.value_argument(value, ty, &param.name.name, at)?;
                    let key = self.value_key(&v);
                    args.push(Some(ArgShape::Value(v, key)));
                }
                _ => match self.tensor(&value, at) {
                    Some(_) | None => {
                        let d = Diagnostic::error(
                            "A0401",
                            format!("`{}` of `{name}` needs a shape", param.name.name),
                            param.span,
                        );
                        self.report(d.help("inputs of `forward` have shapes: `x: [T, D]`"));
                        return None;
                    }
                },
            }
        }
        let to = Called { name: shown, layer: Some(layer.declared), span };
        let bound = self.bind(to, &shaped, &tensors, &explicit)?;
        self.emit_call(layer, shown, &bound, &tensors, args, span)
    }

    /// A value that this configuration has.
    pub(super) fn present(&mut self, value: Val, span: Span) -> Option<Val> {
        match value {
            Val::Error => None,
            Val::Absent(why) => {
                let d = Diagnostic::error("A0406", "this value does not exist in this configuration", span)
                    .remark(why.to_string())
                    .help("use it under the same condition: `if … { … } else { … }`");
                self.report(d);
                None
            }
            v => Some(v),
        }
    }

    fn emit_call(
        &mut self,
        layer: &Layer,
        shown: &str,
        bound: &Bound,
        tensors: &[(Tensor, Span)],
        args: Vec<Option<ArgShape>>,
        span: Span,
    ) -> Option<Val> {
        let level = tensors.iter().map(|(t, _)| t.level).max().unwrap_or(0);
        let mut shapes = tensors.iter().zip(&bound.args).map(|((t, at), slots)| {
            let value = self.at_level(t, level, *at);
            let order = self.context().levels[level].function.value(value).shape.clone();
            let slot = |a: &AxisId| slots.iter().find(|(b, _)| a == b).map(|(_, s)| s.clone());
            let storage = order.iter().map(slot).collect();
            ArgShape::Tensor { axes: slots.iter().map(|(_, s)| s.clone()).collect(), storage, dtype: t.dtype }
        });
        let args: Vec<ArgShape> =
            args.into_iter().map(|a| a.or_else(|| shapes.next())).collect::<Option<Vec<_>>>()?;
        drop(shapes);
        let shape = CallShape {
            args,
            open: bound.open.iter().map(|(n, a)| (n.clone(), self.size_of(*a))).collect(),
            lifted: bound.lifted.iter().map(|(a, _)| (self.axis_name(*a), self.size_of(*a))).collect(),
        };
        let entries: Vec<Entry> = bound.lifted.iter().map(|(_, e)| e.clone()).collect();
        let built = self.build_forward(layer.template, &shape, &entries, Some((span, bound)))?;
        self.emit_built(layer, &built, &LayerCall { shown, bound, tensors, level, span })
    }

    fn emit_built(&mut self, layer: &Layer, built: &Built, call: &LayerCall<'_>) -> Option<Val> {
        let LayerCall { shown, bound, tensors, level, span } = *call;
        let mut pairs = Pairs::of(&layer.axes);
        for (own, caller) in built.open.iter().zip(bound.open.values()) {
            pairs.add(self, *own, *caller);
        }
        for (own, (caller, _)) in built.lifted.iter().zip(&bound.lifted) {
            pairs.add(self, *own, *caller);
        }
        if level > 0 && !self.callable_in_step(shown, built, span) {
            return None;
        }
        let mut inputs: Vec<(usize, ValueId)> = Vec::new();
        for ((t, at), slots) in tensors.iter().zip(&bound.args) {
            let mut t = t.clone();
            for (axis, slot) in slots {
                let own = match slot {
                    Slot::Known(a) => *a,
                    Slot::Open(i) => built.open[*i],
                    Slot::Lifted(i) => built.lifted[*i],
                };
                let used = pairs.used(own);
                if used != *axis {
                    t = self.rename(&t, *axis, used, *at, "given here");
                }
            }
            inputs.push((level, self.at_level(&t, level, *at)));
        }
        for h in &built.hidden {
            let shape: Vec<AxisId> =
                h.shape.iter().map(|a| if *a == AxisId::BATCH { *a } else { pairs.or_self(*a) }).collect();
            let mut name = join(&layer.path, &h.name);
            if matches!(h.kind, InputKind::Random(_)) {
                name = self.unused_hidden(name);
            }
            let v = self.hidden_input(&name, h.kind.renamed(&name), &shape, h.dtype, h.declared);
            inputs.push((0, v));
        }
        for r in &built.results {
            for a in &r.axes {
                pairs.or_self(*a);
            }
        }
        let values = if level > 0 {
            self.inlined(built.function, &pairs.list(), &inputs, level)
        } else {
            let inputs: Vec<ValueId> = inputs.into_iter().map(|(_, v)| v).collect();
            self.add_at(0, Op::Call { function: built.function, axes: pairs.list() }, &inputs, span)
        };
        let results = self.call_results(call, built, &pairs, &values)?;
        Some(lifted_as_before(results, &bound.lifted))
    }

    fn call_results(
        &mut self,
        call: &LayerCall<'_>,
        built: &Built,
        pairs: &Pairs,
        values: &[ValueId],
    ) -> Option<Val> {
        let LayerCall { shown, bound, tensors, level, span } = *call;
        let how: Rc<str> = format!("`{shown}` gives it").into();
        let mut fresh: Vec<(AxisId, AxisId)> = Vec::new();
        let mut out = Vec::new();
        for (r, value) in built.results.iter().zip(values) {
            let mut t = Tensor {
                level,
                value: *value,
                axes: r.axes.iter().map(|a| (pairs.used(*a), Entry { span, how: how.clone() })).collect(),
                dtype: r.dtype,
                gone: Rc::default(),
            };
            for own in &r.axes {
                let (used, real) = (pairs.used(*own), self.real_axis(*own, pairs, &mut fresh));
                if used != real {
                    if t.has(real) {
                        self.twice(shown, real, bound, span);
                        return None;
                    }
                    t = self.rename(&t, used, real, span, "came back here");
                }
            }
            t.gone = taken_by_call(shown, tensors, &t, span);
            out.push((r.name.clone(), Val::Tensor(t)));
        }
        Some(if out.len() == 1 {
            out.remove(0).1
        } else {
            Val::Tuple(Rc::new(out.into_iter().map(|(_, v)| v).collect()))
        })
    }

    /// The caller's axis for one of a callee's. What the callee made is a new axis for each call; the parts of
    /// a sum are the caller's where the caller gave them.
    fn real_axis(&mut self, own: AxisId, pairs: &Pairs, fresh: &mut Vec<(AxisId, AxisId)>) -> AxisId {
        let known = pairs.real(own).or_else(|| fresh.iter().find(|(o, _)| *o == own).map(|(_, f)| *f));
        if let Some(known) = known {
            return known;
        }
        let name = self.axis_name(own);
        let made = self.copy_axis(own, &name);
        fresh.push((own, made));
        if let Some(parts) = self.axis_info(made).parts.clone() {
            let mut parts = (*parts).clone();
            for part in &mut parts {
                part.axis = part.axis.map(|a| self.real_axis(a, pairs, fresh));
            }
            self.axes[made.0 as usize].parts = Some(Rc::new(parts));
        }
        made
    }

    /// The same tensor with one axis under another identity.
    pub(super) fn rename(&mut self, t: &Tensor, from: AxisId, to: AxisId, span: Span, how: &str) -> Tensor {
        if from == to {
            return t.clone();
        }
        let mut axes = t.axes.clone();
        for (a, e) in &mut axes {
            if *a == from {
                *a = to;
                if how == "was renamed" {
                    *e = Entry { span, how: format!("`{}` was renamed", self.axis_name(from)).into() };
                }
            }
        }
        self.apply(Op::View(View::Rename { from, to }), &[t], axes, t.dtype, span)
    }
}

/// The axes that a result of a call lacks, because the call takes them or they went before.
fn taken_by_call(shown: &str, tensors: &[(Tensor, Span)], result: &Tensor, span: Span) -> Rc<[Departure]> {
    let name: Rc<str> = shown.into();
    let inputs: Vec<&Tensor> = tensors.iter().map(|(t, _)| t).collect();
    let axes = inputs.iter().flat_map(|t| t.ids()).filter(|a| !result.has(*a));
    let taken = axes.map(|axis| Departure { axis, span, way: Way::Taken(name.clone()) }).collect();
    Tensor::departures(taken, &inputs)
}

/// The results of a call, with the axes that only passed through coming in where they did before the call.
fn lifted_as_before(results: Val, lifted: &[(AxisId, Entry)]) -> Val {
    match results {
        Val::Tensor(mut t) => {
            for (axis, entry) in &mut t.axes {
                if let Some((_, before)) = lifted.iter().find(|(a, _)| a == axis) {
                    entry.clone_from(before);
                }
            }
            Val::Tensor(t)
        }
        Val::Tuple(vs) => {
            Val::Tuple(Rc::new(vs.iter().map(|v| lifted_as_before(v.clone(), lifted)).collect()))
        }
        other => other,
    }
}

/// Axes that a signature leaves open, in order, as far as names tell.
fn open_names(params: &[Param]) -> Vec<String> {
    let mut out = Vec::new();
    for p in params {
        if let ParamKind::Tensor(shape) = &p.kind {
            for e in &shape.axes {
                if let ast::ExprKind::Name(n) = &e.kind
                    && !out.contains(n)
                {
                    out.push(n.clone());
                }
            }
        }
    }
    out
}
