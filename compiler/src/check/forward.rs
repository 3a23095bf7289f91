//! Making a function of a block's `forward`, for given shapes of its arguments.

use super::Session;
use super::block::TemplateId;
use super::matching::{Bound, Slot};
use super::report::{Site, counted};
use super::scope::{Env, Frame};
use super::value::{Entry, Tensor, Val, Way};
use crate::graph::{AxisId, DType, FuncId, Function, InputKind, ValueId};
use arch_grammar::ast::{self, ParamKind};
use arch_grammar::{Diagnostic, Span};
use std::rc::Rc;

/// A function made of a `forward`.
pub(super) struct Built {
    pub function: FuncId,
    /// The function's own open and lifted axes.
    pub open: Vec<AxisId>,
    pub lifted: Vec<AxisId>,
    /// Parameters, buffers and random numbers that it takes, after the arguments.
    pub hidden: Vec<Hidden>,
    pub results: Vec<BuiltResult>,
}

/// A result of a function: its axes in the order of the language.
#[derive(Clone)]
pub(super) struct BuiltResult {
    pub name: Option<String>,
    pub axes: Vec<AxisId>,
    pub dtype: DType,
}

/// An input that the text of a call does not show.
#[derive(Clone)]
pub(super) struct Hidden {
    pub name: String,
    pub kind: InputKind,
    pub shape: Vec<AxisId>,
    pub dtype: DType,
    pub declared: Span,
}

/// An argument, as far as the function depends on it.
#[derive(Clone, Debug)]
pub(super) enum ArgShape {
    /// A tensor: its axes in the order of the language and, batch included, of storage.
    Tensor { axes: Vec<Slot>, storage: Vec<Option<Slot>>, dtype: DType },
    /// An axis that is given by name.
    Axis(usize),
    /// A value known at compile time.
    Value(Val, String),
    /// An input that this configuration does not have.
    Absent(Rc<str>),
}

/// The shapes of a call: what a function is made for.
#[derive(Clone, Debug)]
pub(super) struct CallShape {
    pub args: Vec<ArgShape>,
    /// Name and size of the open axes.
    pub open: Vec<(String, usize)>,
    /// Name and size of the lifted axes.
    pub lifted: Vec<(String, usize)>,
}

impl CallShape {
    fn key(&self) -> String {
        use std::fmt::Write;
        let mut key = format!("{:?} {:?}", self.open, self.lifted);
        for arg in &self.args {
            let _ = match arg {
                ArgShape::Tensor { axes, storage, dtype } => write!(key, " {axes:?}{storage:?}{dtype:?}"),
                ArgShape::Axis(i) => write!(key, " axis{i}"),
                ArgShape::Value(_, k) => write!(key, " {k}"),
                ArgShape::Absent(_) => write!(key, " -"),
            };
        }
        key
    }
}

impl Session<'_> {
    /// The function of a block for these shapes, made on first use. `call` is the place of the call and how it
    /// bound its open axes, for messages.
    pub(super) fn build_forward(
        &mut self,
        template: TemplateId,
        shape: &CallShape,
        lifted: &[Entry],
        call: Option<(Span, &Bound)>,
    ) -> Option<Rc<Built>> {
        let key = shape.key();
        if let Some(built) = self.templates[template.0].built.get(&key) {
            return Some(built.clone());
        }
        let Some(forward) = self.templates[template.0].forward.clone() else {
            let name = self.templates[template.0].name.clone();
            let site = call.map_or(Span::default(), |(span, _)| span);
            let d = Diagnostic::error("A0405", format!("`{name}` has no `forward`"), site);
            self.report(d.help("add `forward(x: [T, D]) -> [T, D] { … }`, or call one of its layers"));
            return None;
        };
        let errors = self.error_count();
        let name = self.templates[template.0].name.clone();
        self.open(&name);
        let walk = |s: &mut Self| s.walk_forward(template, &forward, shape, lifted);
        let results = match call {
            None => walk(self),
            Some((span, bound)) => {
                let (name, bindings) = (name.as_str().into(), self.bindings(bound).into());
                self.within(Site { span, name, function: false, bindings }, walk)
            }
        };
        let hidden = std::mem::take(&mut self.context().hidden_order);
        let mut function = self.close();
        let (open, lifted_axes, results) = results?;
        self.names_apart(&forward, &function, &hidden);
        if self.error_count() > errors {
            return None;
        }
        for (i, (t, r)) in results.iter().enumerate() {
            let name =
                r.name.clone().unwrap_or_else(|| if i == 0 { "output".into() } else { format!("output{i}") });
            function.outputs.push((name, t.value));
        }
        let results = results.into_iter().map(|(_, r)| r).collect();
        let function = self.module.add_function(function);
        let built = Rc::new(Built { function, open, lifted: lifted_axes, hidden, results });
        self.templates[template.0].built.insert(key, built.clone());
        Some(built)
    }

    #[allow(clippy::type_complexity)]
    fn walk_forward(
        &mut self,
        template: TemplateId,
        forward: &ast::Forward,
        shape: &CallShape,
        entries: &[Entry],
    ) -> Option<(Vec<AxisId>, Vec<AxisId>, Vec<(Tensor, BuiltResult)>)> {
        let t = &self.templates[template.0];
        let mut env = Env::new(t.scope.clone());
        env.used = t.used.clone();
        env.template = Some(template);
        let open: Vec<AxisId> =
            shape.open.iter().map(|(n, s)| self.new_axis(n, *s, forward.signature)).collect();
        let lifted: Vec<AxisId> =
            shape.lifted.iter().zip(entries).map(|((n, s), e)| self.new_axis(n, *s, e.span)).collect();
        env.lifted.clone_from(&lifted);
        for ((name, _), axis) in shape.open.iter().zip(&open) {
            env.bind_axis(name, *axis);
        }
        let resolve = |slot: &Slot| match slot {
            Slot::Known(a) => *a,
            Slot::Open(i) => open[*i],
            Slot::Lifted(i) => lifted[*i],
        };
        for (param, arg) in forward.params.iter().zip(&shape.args) {
            let value = match arg {
                ArgShape::Tensor { axes, storage, dtype } => {
                    let storage =
                        storage.iter().map(|s| s.as_ref().map_or(AxisId::BATCH, resolve)).collect::<Vec<_>>();
                    let axes: Vec<AxisId> = axes.iter().map(resolve).collect();
                    Val::Tensor(self.argument(param, axes, storage, *dtype, &lifted, entries))
                }
                ArgShape::Axis(i) => Val::Axis(open[*i]),
                ArgShape::Value(v, _) => v.clone(),
                ArgShape::Absent(why) => Val::Absent(why.clone()),
            };
            if let (ParamKind::Axis(axis), Val::Axis(a)) = (&param.kind, &value) {
                env.bind_axis(&axis.name, *a);
            }
            env.bind(&param.name.name, value, param.name.span);
        }
        let errors = self.error_count();
        // The frame stays: results may have axes that the body made.
        env.frames.push(Frame::default());
        let value = self.run_body(&mut env, &forward.body);
        // What stands behind a mistake was not looked at, so nobody knows whether it uses an input.
        if self.error_count() == errors {
            self.unused_inputs(&env, forward);
        }
        let results = self.results(&mut env, forward, value, &lifted)?;
        Some((open, lifted, results))
    }

    fn argument(
        &mut self,
        param: &ast::Param,
        axes: Vec<AxisId>,
        storage: Vec<AxisId>,
        dtype: DType,
        lifted: &[AxisId],
        entries: &[Entry],
    ) -> Tensor {
        let name = &param.name.name;
        let value = self.add_input(name, InputKind::Argument, storage, dtype, param.name.span);
        let own = Entry { span: param.span, how: format!("`{name}` has it").into() };
        let entry =
            |a: &AxisId| lifted.iter().position(|l| l == a).map_or(own.clone(), |i| entries[i].clone());
        let axes = axes.iter().map(|a| (*a, entry(a))).collect();
        Tensor { level: 0, value, axes, dtype, gone: Rc::default() }
    }

    /// Reports an input that is called as a parameter is in the checkpoint. An input that this configuration lacks
    /// may be: `B` is given for each sample, or it is stored.
    fn names_apart(&mut self, forward: &ast::Forward, function: &Function, hidden: &[Hidden]) {
        for param in &forward.params {
            let name = &param.name.name;
            let is_there = function.inputs.iter().any(|i| i.kind == InputKind::Argument && i.name == *name);
            if let Some(h) = hidden.iter().find(|h| is_there && h.name == *name) {
                let text = format!("`{name}` is an input and the name of a stored tensor");
                let d =
                    Diagnostic::error("A0104", text, param.name.span).also(h.declared, "the stored tensor");
                self.report(d.help("give one of them another name"));
            }
        }
    }

    fn unused_inputs(&mut self, env: &Env, forward: &ast::Forward) {
        for param in &forward.params {
            let unused = !env.used_locals.borrow().contains(&param.name.span);
            let absent = matches!(env.local(&param.name.name).map(|l| &l.value), Some(Val::Absent(_)));
            if unused
                && !absent
                && !param.name.name.starts_with('_')
                && matches!(param.kind, ParamKind::Tensor(_))
            {
                let text = format!("input `{}` is never used", param.name.name);
                let d = Diagnostic::warning("A0903", text, param.name.span).label("never used");
                self.report(d.help("use it, or begin its name with `_` if that is meant"));
            }
        }
    }

    /// The results of a body, held against the signature.
    fn results(
        &mut self,
        env: &mut Env,
        forward: &ast::Forward,
        value: Val,
        lifted: &[AxisId],
    ) -> Option<Vec<(Tensor, BuiltResult)>> {
        let span = forward.body.tail.as_ref().map_or(forward.body.span, |t| t.span);
        let values: Vec<Val> = match value {
            Val::Error => return None,
            Val::Tuple(vs) if forward.results.len() != 1 => vs.to_vec(),
            v => vec![v],
        };
        if !forward.results.is_empty() && values.len() != forward.results.len() {
            let (wanted, come) = (counted(forward.results.len(), "result"), values.len());
            let are = if forward.results.len() == 1 { "is" } else { "are" };
            let comes = if come == 1 { "comes" } else { "come" };
            let text = format!("{wanted} {are} declared, but {come} {comes} out");
            let d = Diagnostic::error("A0407", text, span).also(forward.signature, "declared here");
            self.report(d.help("several results are given as a tuple: `(a, b)`"));
            return None;
        }
        let mut out = Vec::new();
        for (i, v) in values.iter().enumerate() {
            let mut t = self.tensor(v, span)?;
            let declared = forward.results.get(i);
            let (name, axes) = match declared {
                Some(r) => {
                    let axes = self.held_against(env, &t, &r.shape, lifted, span, "the result")?;
                    (r.name.as_ref().map(|n| n.name.clone()), axes)
                }
                None => (None, t.ids()),
            };
            t.value = self.output_value(&t, span);
            out.push((t.clone(), BuiltResult { name, axes, dtype: t.dtype }));
        }
        Some(out)
    }

    /// A result must be a value of the function itself and not one of its inputs or another result.
    fn output_value(&mut self, t: &Tensor, span: Span) -> ValueId {
        self.at_level(t, 0, span)
    }

    /// Whether a tensor has exactly the axes of a shape (beside lifted ones); gives them in that order.
    pub(super) fn held_against(
        &mut self,
        env: &mut Env,
        t: &Tensor,
        shape: &ast::Shape,
        lifted: &[AxisId],
        span: Span,
        what: &str,
    ) -> Option<Vec<AxisId>> {
        let declared: Vec<AxisId> = self.shape_entries(env, shape)?.concat();
        let shown = self.show_axes(&declared);
        for a in &declared {
            if t.has(*a) {
                continue;
            }
            let name = self.axis_name(*a);
            let has = self.show_axes(&t.ids());
            let mut d = Diagnostic::error("A0303", format!("{what} lacks axis `{name}` of {shown}"), span)
                .label(format!("this is {has}"))
                .also(shape.span, "declared here");
            let surplus: Vec<AxisId> =
                t.ids().into_iter().filter(|b| !declared.contains(b) && !lifted.contains(b)).collect();
            let ways = d.help.len();
            d = self.way_to_axis(d, t, *a, &surplus);
            let reduced = t.departure(*a).is_some_and(|gone| gone.way == Way::Reduced);
            if d.help.len() == ways || reduced {
                d = d.help(format!("if the same values are meant everywhere: `broadcast(…, {name})`"));
            }
            self.report(d);
            return None;
        }
        for (a, entry) in &t.axes {
            if declared.contains(a) || lifted.contains(a) {
                continue;
            }
            let name = self.axis_name(*a);
            let d = Diagnostic::error("A0302", format!("{what} also has axis {}", self.show_axis(*a)), span)
                .label(format!("should be {shown}"))
                .also(entry.span, format!("`{name}` came in here: {}", entry.how))
                .also(shape.span, "declared here")
                .help(format!("sum it away with `sum(…, over: {name})`, or rename it where it came in"));
            self.report(d);
            return None;
        }
        let front = t.ids().into_iter().filter(|a| lifted.contains(a));
        Some(front.chain(declared.iter().copied()).collect())
    }
}
