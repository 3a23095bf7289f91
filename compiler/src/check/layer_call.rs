//! Calls of layers: the function of a block for the shapes at hand, and a node that calls it.

use super::Session;
use super::arguments::{Given, open_names};
use super::forward::{ArgShape, Built, CallShape};
use super::layers::join;
use super::matching::{Bound, Called, Slot};
use super::pairs::Pairs;
use super::scope::Env;
use super::value::{Departure, Entry, Layer, Tensor, Val, Way};
use crate::graph::{AxisId, InputKind, ValueId};
use crate::ops::Op;
use arch_grammar::ast::ParamKind;
use arch_grammar::{Diagnostic, Span};
use std::rc::Rc;

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
    /// A layer's block is built once for each shape of its arguments and called wherever the layer is.
    pub(super) fn call_layer(
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
        let to = Called { name: shown, env, layer: Some(layer.declared), span };
        let bound = self.bind(to, &shaped, &tensors, &explicit)?;
        self.emit_call(layer, shown, &bound, &tensors, args, span)
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
