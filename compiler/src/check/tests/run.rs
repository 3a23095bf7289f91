//! One test: its sizes, its layers, its statements, and the run.

use super::super::Session;
use super::super::block::{Template, TemplateId};
use super::super::parameters::Stored;
use super::super::scope::{Env, Scope};
use super::super::source::ItemRef;
use super::super::value::{Callee, Entry, Layer, Tensor, Val};
use crate::graph::{AxisId, DType, FuncId, InputKind, verify};
use crate::interp::{self, RunError};
use crate::ops::Op;
use crate::ops::source::{Distribution, Random};
use arch_grammar::ast::{Expr, ExprKind, Item, Pattern, Stmt, StmtKind, StrLit, TestItem};
use arch_grammar::{Diagnostic, Span};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::rc::Rc;

impl Session<'_> {
    /// Runs a test. Whatever does not hold is reported.
    pub(super) fn run_test(&mut self, file: usize, test: &TestItem) {
        self.fuel = super::super::report::FUEL;
        let mut env = Env::new(Rc::new(Scope { file, ..Scope::default() }));
        for (name, size) in &test.with {
            let Some(n) = self.eval_int(&mut env, size) else { return };
            if !(1..=1 << 24).contains(&n) {
                let d = Diagnostic::error("A0207", format!("an axis cannot be {n} long"), size.span);
                return self.report(d.help("sizes in tests are at least 1 and at most 16,777,216"));
            }
            let axis = self.new_axis(&name.name, n as usize, name.span);
            env.bind_axis(&name.name, axis);
            self.dims.insert(name.name.clone(), n as usize);
        }
        super::measure::bind_names(&mut env, test.span);
        if test.of.is_some() && !self.item_under_test(file, test, &mut env) {
            return;
        }
        self.open(&test.name.value);
        let layers = self.test_body(&mut env, test);
        let template = self.test_template(file, test, layers);
        let function = self.close();
        if self.has_errors() {
            return;
        }
        let function = self.module.add_function(function);
        self.finish_test(test, template, function);
    }

    /// Makes the program of the item that a test is `of`.
    fn item_under_test(&mut self, file: usize, test: &TestItem, env: &mut Env) -> bool {
        for word in test.deny.iter().filter(|w| w.name != "unused") {
            let d = Diagnostic::error("A0602", format!("`{}` cannot be denied", word.name), word.span);
            self.report(d.help("`deny(unused)` makes layers, parameters and inputs without a use an error"));
        }
        self.request.item = test.of.as_ref().map(|o| o.name.clone());
        self.request.preset = test.preset.as_ref().map(|p| p.name.clone());
        for (name, value) in &test.sets {
            let text = match &value.kind {
                ExprKind::Str(text) => text.clone(),
                _ => self.sources.slice(value.span).to_string(),
            };
            self.request.set.push((name.name.clone(), text));
        }
        let place = test.of.as_ref().map_or(test.span, |o| o.span);
        let Some(mut program) = self.program(file) else {
            if !self.has_errors() {
                self.report(Diagnostic::error("A0602", "there is no program to test", place));
            }
            return false;
        };
        if let Err(e) = crate::canon::run_all(&mut program.module) {
            self.fault(&e.0);
        }
        if !test.deny.is_empty() {
            for d in &mut self.diagnostics {
                if matches!(d.code, "A0901" | "A0902" | "A0903") {
                    d.severity = arch_grammar::Severity::Error;
                }
            }
        }
        super::measure::bind_totals(env, &program, test.span);
        if let Some(state) = &mut self.test {
            state.program = Some(program);
        }
        !self.has_errors()
    }

    fn test_body(&mut self, env: &mut Env, test: &TestItem) -> Vec<Layer> {
        let mut layers = Vec::new();
        for s in &test.body.statements {
            match &s.kind {
                StmtKind::Assert(e) => self.assert(env, e, s.span),
                StmtKind::Expr(e) if self.unasserted(e) => {}
                _ => {
                    if !self.test_layer(env, s, &mut layers) {
                        self.statement(env, s);
                    }
                }
            }
        }
        if let Some(tail) = &test.body.tail
            && !self.unasserted(tail)
        {
            let d = Diagnostic::error("A0409", "the value of this expression is lost", tail.span);
            self.report(d.help("a test states what holds: `assert …`"));
        }
        layers
    }

    /// `let block = DiTBlock(D)`: declares a layer. Gives whether the statement is one.
    fn test_layer(&mut self, env: &mut Env, statement: &Stmt, layers: &mut Vec<Layer>) -> bool {
        let StmtKind::Let { pattern: Pattern::Name(name), shape: None, value } = &statement.kind else {
            return false;
        };
        if !self.declares_layer(env, value) {
            return false;
        }
        let mut path = name.name.clone();
        while layers.iter().any(|l| l.path == path || l.path.starts_with(&format!("{path}."))) {
            path.push('_');
        }
        let path = StrLit { value: path, span: name.span };
        let layer = self.layer_value(env, value, &path);
        super::super::layers::collect_layers(&layer, layers);
        env.bind(&name.name, layer, name.span);
        true
    }

    fn declares_layer(&mut self, env: &Env, value: &Expr) -> bool {
        match &value.kind {
            ExprKind::Call(callee, _) => match &callee.kind {
                ExprKind::Name(n) if env.local(n).is_none() => {
                    matches!(self.callee_named(env.scope.file, n), Some(Callee::Block(_)))
                }
                _ => false,
            },
            ExprKind::Repeat(..) => true,
            ExprKind::List(xs) => xs.first().is_some_and(|x| self.declares_layer(env, x)),
            ExprKind::ListFor { body, .. } => self.declares_layer(env, body),
            _ => false,
        }
    }

    /// The layers of a test hang in a block of its own.
    fn test_template(&mut self, file: usize, test: &TestItem, layers: Vec<Layer>) -> TemplateId {
        let same = |item: &Item| matches!(item, Item::Test(t) if t.span == test.span);
        let index = self.files[file].ast.items.iter().position(same).unwrap_or(0);
        self.templates.push(Template {
            item: ItemRef { file, index },
            name: test.name.value.clone(),
            scope: Rc::new(Scope { file, ..Scope::default() }),
            axes: Vec::new(),
            parameters: Vec::new(),
            layers,
            forward: None,
            built: FxHashMap::default(),
            used: Rc::default(),
            site: test.span,
            sites: Vec::new(),
            tensors: 0,
            whole: true,
        });
        TemplateId(self.templates.len() - 1)
    }

    /// Gives the comparisons names as results of the function, runs it, and looks.
    fn finish_test(&mut self, test: &TestItem, template: TemplateId, function: FuncId) {
        let pending = self.test.as_mut().map(|t| std::mem::take(&mut t.pending)).unwrap_or_default();
        if pending.is_empty() {
            return;
        }
        let mut rows: Vec<Stored> = Vec::new();
        self.collect_parameters(template, "", &[], &mut rows);
        let mut first = Vec::new();
        for row in rows {
            let p = self.templates[row.template.0].parameters[row.index].clone();
            let Some(init) = self.init_function(row.template, &p, &row.name) else { return };
            first.push((row.name, init));
        }
        for (i, p) in pending.iter().enumerate() {
            let outputs = &mut self.module.functions[function.0 as usize].outputs;
            outputs.push((format!("found{i}"), p.found));
            outputs.push((format!("wanted{i}"), p.wanted));
        }
        if let Err(e) = verify(&self.module) {
            return self.fault(&e.0);
        }
        match self.values(&test.name.value, function, &first) {
            Ok(results) => {
                for (i, p) in pending.iter().enumerate() {
                    self.compare(p, &results.outputs[2 * i].1.data, &results.outputs[2 * i + 1].1.data);
                }
            }
            Err(e) => {
                self.report(Diagnostic::error("A0602", format!("the test cannot run: {e}"), test.name.span))
            }
        }
    }

    fn values(
        &self,
        seed: &str,
        function: FuncId,
        parameters: &[(String, FuncId)],
    ) -> Result<interp::Results, RunError> {
        let mut inputs = interp::fresh_inputs(&self.module, function, seed, 1);
        for (name, init) in parameters {
            let random = interp::fresh_inputs(&self.module, *init, seed, 1);
            let value = interp::run(&self.module, *init, &random, 1)?;
            inputs.extend(value.outputs.into_iter().map(|(_, v)| (name.clone(), v)));
        }
        let wanted: Vec<&str> =
            self.module.function(function).inputs.iter().map(|i| i.name.as_str()).collect();
        let inputs: BTreeMap<_, _> =
            inputs.into_iter().filter(|(n, _)| wanted.contains(&n.as_str())).collect();
        interp::run(&self.module, function, &inputs, 1)
    }

    /// `normal(T, D)`, `uniform(T)`, `zeros(D)`, `ones(D)` in a test.
    pub(in super::super) fn test_tensor(
        &mut self,
        name: &str,
        axes: &[AxisId],
        span: Span,
    ) -> Option<Tensor> {
        let distribution = match name {
            "normal" => Distribution::Normal,
            "uniform" => Distribution::Uniform,
            "zeros" | "ones" => return Some(self.filled_test_tensor(f64::from(name == "ones"), axes, span)),
            _ => {
                let d = Diagnostic::error("A0403", format!("`{name}` is an initialiser"), span);
                self.report(d.help("a test makes tensors with `normal`, `uniform`, `zeros` and `ones`"));
                return None;
            }
        };
        let purpose = self.unused_hidden(name.to_string());
        let kind = InputKind::Random(Random { purpose: purpose.clone(), distribution });
        let value = self.hidden_input(&purpose, kind, axes, DType::F32, span);
        Some(Tensor {
            level: 0,
            value,
            axes: made_here(name, axes, span),
            dtype: DType::F32,
            gone: Rc::default(),
        })
    }

    fn filled_test_tensor(&mut self, number: f64, axes: &[AxisId], span: Span) -> Tensor {
        let name = if number == 0.0 { "zeros" } else { "ones" };
        let literal = crate::ops::source::Literal {
            shape: axes.to_vec(),
            data: vec![number; self.elements(axes)],
            integer: false,
        };
        self.apply(Op::Tensor(literal.into()), &[], made_here(name, axes, span), DType::F32, span)
    }

    /// The sum over layers of how many parameters they have.
    pub(super) fn layer_params(&self, value: &Val, buffers: bool) -> Option<usize> {
        match value {
            Val::Layer(l) => {
                let rows = self.layer_rows(l.template);
                Some(if buffers { rows[0].params_with_buffers } else { rows[0].params })
            }
            Val::List(vs) => vs.iter().map(|v| self.layer_params(v, buffers)).sum(),
            _ => None,
        }
    }
}

fn made_here(name: &str, axes: &[AxisId], span: Span) -> Vec<(AxisId, Entry)> {
    let entry = Entry { span, how: format!("`{name}` made it").into() };
    axes.iter().map(|a| (*a, entry.clone())).collect()
}
