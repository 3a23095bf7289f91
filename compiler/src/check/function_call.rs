//! Calls of functions, which are expanded where they are called.

use super::Session;
use super::arguments::{Given, open_names};
use super::matching::{Bound, Called, Pattern, Slot};
use super::report::Site;
use super::scope::{Env, Frame};
use super::source::ItemRef;
use super::value::{Tensor, Val};
use crate::graph::AxisId;
use arch_grammar::ast::{self, ParamKind};
use arch_grammar::{Diagnostic, Span};
use indexmap::IndexMap;
use std::rc::Rc;

impl Session<'_> {
    /// A `fn` is expanded where it is called.
    pub(super) fn call_function(
        &mut self,
        env: &mut Env,
        item: ItemRef,
        given: &[Given<'_>],
        span: Span,
    ) -> Val {
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
        let to = Called { name: &function.name.name, env, layer: None, span };
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
    pub(super) fn own_open_axes(&mut self, inner: &mut Env, bound: &Bound) -> Vec<(usize, AxisId, AxisId)> {
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
}
