//! `scan t over T (h: [E, N] = 0) { … }`.

use super::Session;
use super::context::Level;
use super::scope::{Env, Frame};
use super::value::{Entry, Tensor, Val};
use crate::graph::{AxisId, DType, Function, InputKind, ValueId};
use crate::ops::{Map, Op, Scan as ScanOp, View};
use arch_grammar::ast::{self, ExprKind, StmtKind};
use arch_grammar::{Diagnostic, Span};
use std::rc::Rc;
use std::sync::Arc;

/// What one step gives.
#[derive(Default)]
struct Step {
    updates: Vec<Option<Tensor>>,
    yields: Vec<Tensor>,
    finals: Vec<Tensor>,
    failed: bool,
}

/// A scan whose axis and initial values are known.
struct Begun<'s> {
    scan: &'s ast::Scan,
    axis: AxisId,
    /// For each carry its initial value and the axes that are declared.
    inits: &'s [(Tensor, Vec<AxisId>)],
    span: Span,
}

impl Session<'_> {
    pub(super) fn eval_scan(&mut self, env: &mut Env, scan: &ast::Scan, span: Span) -> Val {
        self.scan(env, scan, span).unwrap_or(Val::Error)
    }

    fn scan(&mut self, env: &mut Env, scan: &ast::Scan, span: Span) -> Option<Val> {
        if self.depth() > 0 {
            let d = Diagnostic::error("A0509", "a scan cannot stand inside the step of another", scan.header);
            self.report(d.help("compute the inner recurrence before, or give the outer one a further carry"));
            return None;
        }
        let name = ast::Expr { kind: ExprKind::Name(scan.axis.name.clone()), span: scan.axis.span };
        let axis = self.axis_from_expr(env, &name, &scan.axis.name)?;
        let mut inits = Vec::new();
        for carry in &scan.carries {
            let shape = self.shape_entries(env, &carry.shape)?.concat();
            if shape.contains(&axis) {
                let n = self.axis_name(axis);
                let d = Diagnostic::error(
                    "A0502",
                    format!("carry `{}` has the scan's own axis `{n}`", carry.name.name),
                    carry.span,
                );
                self.report(d.help("a carry is the state at one position"));
                return None;
            }
            let init = self.eval(env, &carry.init);
            let init = self.tensor(&init, carry.init.span)?;
            inits.push((self.float(&init, carry.init.span), shape));
        }
        // Axes that the block does not name (the batch, lifted heads) lift into carries. Which ones do is
        // known only after a step was walked, so it is walked until no further axis comes in.
        let mut extra: Vec<AxisId> = Vec::new();
        let begun = Begun { scan, axis, inits: &inits, span };
        for _ in 0..=env.lifted.len() + 1 {
            match self.attempt(env, &begun, &extra)? {
                Attempt::Done(value) => return Some(value),
                Attempt::Lifts(more) => extra = more,
            }
        }
        None
    }

    /// Walks the step with further axes in the carries.
    fn attempt(&mut self, env: &mut Env, begun: &Begun<'_>, extra: &[AxisId]) -> Option<Attempt> {
        let Begun { scan, axis, inits, .. } = *begun;
        let function = Function { name: "step".into(), ..Function::default() };
        self.context().levels.push(Level {
            function,
            axis: Some(axis),
            position: scan.position.name.clone(),
            ..Level::default()
        });
        env.frames.push(Frame::default());
        env.bind(&scan.position.name, Val::Position(0), scan.position.span);
        let mut carries = Vec::new();
        for (carry, (_, shape)) in scan.carries.iter().zip(inits) {
            let storage: Vec<AxisId> = extra.iter().chain(shape).copied().collect();
            let value =
                self.add_input_at(1, &carry.name.name, InputKind::Argument, storage, DType::F32, carry.span);
            carries.push(value);
            let entry = Entry { span: carry.span, how: format!("carry `{}` has it", carry.name.name).into() };
            let lifted = extra.iter().filter(|a| **a != AxisId::BATCH);
            let axes = lifted.chain(shape).map(|a| (*a, entry.clone())).collect();
            let t = Tensor { level: 1, value, axes, dtype: DType::F32, gone: Rc::default() };
            env.bind(&carry.name.name, Val::Tensor(t), carry.name.span);
        }
        let step = self.step(env, scan);
        env.frames.pop();
        let level = self.context().levels.pop()?;
        if step.failed {
            return None;
        }
        let more = self.lifting(env, inits, &step, &level);
        if more.iter().any(|a| !extra.contains(a)) {
            return Some(Attempt::Lifts(more));
        }
        self.finish_scan(begun, step, level, &carries).map(Attempt::Done)
    }

    /// The axes that lift into the carries: the batch and axes that the block does not name.
    fn lifting(
        &mut self,
        env: &Env,
        inits: &[(Tensor, Vec<AxisId>)],
        step: &Step,
        level: &Level,
    ) -> Vec<AxisId> {
        let outer = &self.context().levels[0].function;
        let shapes: Vec<Vec<AxisId>> = step
            .updates
            .iter()
            .flatten()
            .chain(inits.iter().map(|(t, _)| t))
            .map(|t| {
                if t.level == 1 { level.function.value(t.value) } else { outer.value(t.value) }.shape.clone()
            })
            .collect();
        // What a step gives of samples it does for each of them, state and all.
        let batched = level.function.values.iter().any(|v| v.shape.contains(&AxisId::BATCH));
        let is_lifted = |a: &AxisId| shapes.iter().any(|s| s.contains(a)) || (*a == AxisId::BATCH && batched);
        let candidates = std::iter::once(AxisId::BATCH).chain(env.lifted.iter().copied());
        candidates.filter(is_lifted).collect()
    }

    /// Walks one step. All `<-` are simultaneous: right sides and `let`s see the old values,
    /// `yield` and `final` the new ones.
    fn step(&mut self, env: &mut Env, scan: &ast::Scan) -> Step {
        let mut step = Step { updates: vec![None; scan.carries.len()], ..Step::default() };
        let errors = self.error_count();
        for s in &scan.body.statements {
            match &s.kind {
                StmtKind::Update { name, value } => self.step_update(env, scan, name, value, &mut step),
                StmtKind::Yield(_) | StmtKind::Final(_) => {}
                _ => self.statement(env, s),
            }
        }
        if let Some(tail) = &scan.body.tail {
            let d = Diagnostic::error("A0508", "a step gives its value with `yield`", tail.span);
            self.report(d.help(format!("write `yield {}`", self.sources.slice(tail.span))));
        }
        for (carry, update) in scan.carries.iter().zip(&step.updates) {
            match update {
                Some(t) => env.bind(&carry.name.name, Val::Tensor(t.clone()), carry.name.span),
                None if self.error_count() == errors => {
                    let d = Diagnostic::error(
                        "A0503",
                        format!("carry `{}` is never updated", carry.name.name),
                        carry.span,
                    );
                    self.report(d.help(format!("add `{} <- …` to the step", carry.name.name)));
                }
                None => {}
            }
        }
        for s in &scan.body.statements {
            let (list, e) = match &s.kind {
                StmtKind::Yield(e) => (&mut step.yields, e),
                StmtKind::Final(e) => (&mut step.finals, e),
                _ => continue,
            };
            if !list.is_empty() {
                let d = Diagnostic::error("A0508", "a step yields once", s.span);
                self.report(d.help("several values are yielded as a tuple: `yield (a, b)`"));
            }
            let value = self.eval(env, e);
            let values = match value {
                Val::Tuple(vs) => vs.to_vec(),
                v => vec![v],
            };
            for v in values {
                if let Some(t) = self.tensor(&v, e.span) {
                    list.push(t);
                }
            }
        }
        if step.yields.is_empty() && step.finals.is_empty() && self.error_count() == errors {
            let d = Diagnostic::error("A0508", "this scan gives nothing", scan.header);
            self.report(
                d.help("add `yield …` for a value at every position, or `final …` for one at the end"),
            );
        }
        step.failed = self.error_count() > errors;
        step
    }

    fn step_update(
        &mut self,
        env: &mut Env,
        scan: &ast::Scan,
        name: &ast::Ident,
        value: &ast::Expr,
        step: &mut Step,
    ) {
        let Some(i) = scan.carries.iter().position(|c| c.name.name == name.name) else {
            let names: Vec<&str> = scan.carries.iter().map(|c| c.name.name.as_str()).collect();
            let d =
                Diagnostic::error("A0107", format!("`{}` is not a carry of this scan", name.name), name.span);
            return self.report(d.help(format!("the carries are {}", names.join(", "))));
        };
        if step.updates[i].is_some() {
            let d = Diagnostic::error(
                "A0507",
                format!("carry `{}` is updated twice in one step", name.name),
                name.span,
            );
            return self
                .report(d.help("all updates of a step happen at once; use `let` for what lies between"));
        }
        let errors = self.error_count();
        let v = self.eval(env, value);
        let Some(t) = self.tensor(&v, value.span) else { return };
        if self.error_count() > errors {
            return;
        }
        let t = self.float(&t, value.span);
        let what = format!("the new `{}`", name.name);
        let lifted = env.lifted.clone();
        if self.held_against(env, &t, &scan.carries[i].shape, &lifted, value.span, &what).is_some() {
            step.updates[i] = Some(t);
        }
    }

    /// The node of a scan whose step was walked.
    fn finish_scan(
        &mut self,
        begun: &Begun<'_>,
        step: Step,
        level: Level,
        carries: &[ValueId],
    ) -> Option<Val> {
        let Begun { scan, axis, inits, span } = *begun;
        self.context().levels.push(level);
        let mut outputs: Vec<(String, ValueId)> = Vec::new();
        for ((carry, update), own) in scan.carries.iter().zip(&step.updates).zip(carries) {
            let t = update.clone()?;
            let storage = self.context().levels[1].function.value(*own).shape.clone();
            let v = self.at_level(&t, 1, carry.span);
            let v = self.stored_as(1, v, &storage, &[*own], carry.span);
            outputs.push((carry.name.name.clone(), v));
        }
        for (i, t) in step.yields.iter().enumerate() {
            outputs.push((format!("yield{i}"), self.at_level(t, 1, span)));
        }
        for (i, t) in step.finals.iter().enumerate() {
            outputs.push((format!("final{i}"), self.at_level(t, 1, span)));
        }
        let level = self.context().levels.pop()?;
        let mut body = level.function;
        body.outputs = outputs;
        order_inputs(&mut body, scan.carries.len(), &level.sequences, &level.constants);
        let name = self.axis_name(axis);
        self.note_affine(&body, scan.carries.len(), &name, scan.header);
        let mut inputs: Vec<ValueId> = Vec::new();
        // Another state may begin with samples where the step reads none.
        let read = level.sequences.iter().chain(&level.constants).map(|(o, _)| *o);
        let lenders: Vec<ValueId> = read.chain(inits.iter().map(|(t, _)| t.value)).collect();
        for (i, (t, _)) in inits.iter().enumerate() {
            let storage = body.value(carries[i]).shape.clone();
            inputs.push(self.initial(t, &storage, &lenders, scan.carries[i].init.span));
        }
        inputs.extend(level.sequences.iter().map(|(o, _)| *o));
        inputs.extend(level.constants.iter().map(|(o, _)| *o));
        let op = ScanOp {
            axis,
            reverse: scan.reverse,
            carries: scan.carries.len(),
            sequences: level.sequences.len(),
            yields: step.yields.len(),
            finals: step.finals.len(),
            body: Arc::new(body),
        };
        let values = self.add_at(0, Op::Scan(op), &inputs, span);
        Some(scan_results(begun, &step, &values))
    }

    /// The initial state with exactly the storage of the carry.
    fn initial(&mut self, t: &Tensor, storage: &[AxisId], lenders: &[ValueId], span: Span) -> ValueId {
        let mut with = Vec::new();
        for axis in storage {
            let function = &self.context().levels[0].function;
            if function.value(t.value).shape.contains(axis) {
                continue;
            }
            if *axis != AxisId::BATCH {
                with.push(self.add_at(0, Op::Iota(*axis), &[], span)[0]);
                continue;
            }
            // The batch can only be lent by a value that has it; one of them brought it into the carry.
            let lender = lenders.iter().find(|o| function.value(**o).shape.contains(axis)).copied();
            if let Some(lender) = lender {
                with.push(self.batch_of(lender, span));
            }
        }
        self.stored_as(0, t.value, storage, &with, span)
    }

    /// A value with the batch and no other axis.
    pub(super) fn batch_of(&mut self, value: ValueId, span: Span) -> ValueId {
        let mut v = value;
        loop {
            let shape = self.context().levels[0].function.value(v).shape.clone();
            let Some(axis) = shape.into_iter().find(|a| *a != AxisId::BATCH) else { return v };
            v = self.add_at(0, Op::View(View::Index { axis, at: 0 }), &[v], span)[0];
        }
    }

    /// A value in the given storage; `lenders` lend the axes that it lacks.
    fn stored_as(
        &mut self,
        level: usize,
        value: ValueId,
        storage: &[AxisId],
        lenders: &[ValueId],
        span: Span,
    ) -> ValueId {
        let shape = |s: &mut Self, v: ValueId| s.context().levels[level].function.value(v).shape.clone();
        let mut v = value;
        if storage.iter().any(|a| !shape(self, value).contains(a)) {
            let inputs: Vec<ValueId> = std::iter::once(v).chain(lenders.iter().copied()).collect();
            v = self.add_at(level, Op::Map(Map::Broadcast), &inputs, span)[0];
        }
        if shape(self, v) != storage {
            v = self.add_at(level, Op::View(View::Transpose(storage.to_vec())), &[v], span)[0];
        }
        v
    }
}

enum Attempt {
    Done(Val),
    Lifts(Vec<AxisId>),
}

/// Puts a body's inputs in the order of the operation: carries, sequences, constants.
fn order_inputs(
    body: &mut Function,
    carries: usize,
    sequences: &[(ValueId, ValueId)],
    constants: &[(ValueId, ValueId)],
) {
    let find = |v: ValueId, inputs: &[crate::graph::Input]| inputs.iter().find(|i| i.value == v).cloned();
    let mut ordered: Vec<crate::graph::Input> = body.inputs[..carries].to_vec();
    ordered.extend(sequences.iter().filter_map(|(_, i)| find(*i, &body.inputs)));
    ordered.extend(constants.iter().filter_map(|(_, i)| find(*i, &body.inputs)));
    body.inputs = ordered;
}

/// What comes out of a scan: yields along its axis, then what is final.
fn scan_results(begun: &Begun<'_>, step: &Step, values: &[ValueId]) -> Val {
    let entry = Entry { span: begun.scan.header, how: "the scan runs over it".into() };
    let mut out = Vec::new();
    for (i, t) in step.yields.iter().chain(&step.finals).enumerate() {
        let mut axes = t.axes.clone();
        if i < step.yields.len() {
            axes.insert(0, (begun.axis, entry.clone()));
        }
        out.push(Val::Tensor(Tensor {
            level: 0,
            value: values[i],
            axes,
            dtype: t.dtype,
            gone: t.gone.clone(),
        }));
    }
    if out.len() == 1 { out.remove(0) } else { Val::Tuple(Rc::new(out)) }
}
