//! From an item that was asked for to a program.

use super::Session;
use super::block::TemplateId;
use super::forward::Built;
use super::scope::Env;
use super::source::ItemRef;
use crate::graph::{AxisId, DType, FuncId, InputKind, Module, ValueId};
use crate::ops::{Map, Op, View};
use crate::program::{Argument, Program, Role};
use arch_grammar::ast::{self, BlockKind, Param};
use arch_grammar::{Diagnostic, Span};
use std::rc::Rc;

impl Session<'_> {
    /// The program of the item that the request names.
    pub(super) fn program(&mut self, file: usize) -> Option<Program> {
        let item = self.asked_item(file)?;
        let program = self.item_program(item)?;
        Some(Program { module: self.module.clone(), ..program })
    }

    /// The program of an item, its functions still in the session: checking a file makes one for every preset
    /// and looks at none of them.
    pub(super) fn item_program(&mut self, item: ItemRef) -> Option<Program> {
        self.fuel = super::report::FUEL;
        self.errors_before = self.error_count();
        let (ast, index) = self.block_item(item)?;
        let ast::Item::Block(block) = &ast.items[index] else { return None };
        if self.is_broken(item) {
            self.unknown_because_of_an_error();
        }
        let settings = self.settings(block)?;
        self.sizes_from_inputs(block);
        let template = self.top_template(item, block, &settings)?;
        let forward = self.templates[template.0].forward.clone();
        let whole = self.templates[template.0].whole && !self.is_broken(item);
        let Some(forward) = forward else {
            if !whole {
                return None;
            }
            let d = Diagnostic::error(
                "A0405",
                format!("`{}` has no `forward`", block.name.name),
                block.name.span,
            );
            self.report(d.help("add `forward(x: [T, D]) -> [T, D] { … }`"));
            return None;
        };
        self.distinct_names(template)?;
        let (shape, params) = self.top_call(template, &forward)?;
        let built = self.build_forward(template, &shape, &[], None).filter(|_| whole)?;
        let inputs = self.arguments_of(block.kind, template, &forward, &built, &params)?;
        let entry = self.entry(&built);
        let parameters = self.parameters(template, entry)?;
        self.unused_parts();
        let outputs = built
            .results
            .iter()
            .enumerate()
            .map(|(i, r)| (self.module.function(entry).outputs[i].0.clone(), r.axes.clone()))
            .collect();
        let scope = self.templates[template.0].scope.clone();
        let settable = scope.config.iter().filter(|(_, c)| c.settable);
        let config = settable.map(|(n, c)| (n.clone(), self.show_value(&c.value))).collect();
        let layers = self.layer_rows(template);
        let mut inputs = inputs;
        for a in &mut inputs {
            a.below = a.integer.then(|| self.looked_up(entry, &a.name)).flatten();
        }
        Some(Program {
            module: Module::default(),
            entry,
            item: block.name.name.clone(),
            parameters,
            inputs,
            outputs,
            config,
            layers,
        })
    }

    /// A function around the item's whose results are stored in the order of the signature, batch first.
    fn entry(&mut self, built: &Rc<Built>) -> FuncId {
        let inner = self.module.function(built.function).clone();
        self.open(&inner.name);
        let mut inputs: Vec<ValueId> = Vec::new();
        let mut axes: Vec<AxisId> = Vec::new();
        for input in &inner.inputs {
            let v = inner.value(input.value).clone();
            axes.extend(&v.shape);
            let origin = inner.producer(input.value).origin.span;
            inputs.push(self.add_input(&input.name, input.kind.clone(), v.shape, v.storage, origin));
        }
        for r in &built.results {
            axes.extend(&r.axes);
        }
        axes.sort_unstable();
        axes.dedup();
        axes.retain(|a| *a != AxisId::BATCH);
        let pairs = axes.into_iter().map(|a| (a, a)).collect();
        let op = Op::Call { function: built.function, axes: pairs };
        let values = self.add_at(0, op, &inputs, Span::default());
        let mut outputs = Vec::new();
        for ((r, v), (name, _)) in built.results.iter().zip(values).zip(&inner.outputs) {
            outputs.push((name.clone(), self.in_order(v, &r.axes, &inputs)));
        }
        let mut function = self.close();
        function.outputs = outputs;
        self.module.add_function(function)
    }

    fn in_order(&mut self, value: ValueId, axes: &[AxisId], inputs: &[ValueId]) -> ValueId {
        let span = Span::default();
        let mut order: Vec<AxisId> = std::iter::once(AxisId::BATCH).chain(axes.iter().copied()).collect();
        let mut v = value;
        let shape = |s: &mut Self, v: ValueId| s.context().levels[0].function.value(v).shape.clone();
        if !shape(self, v).contains(&AxisId::BATCH) {
            let lender = inputs.iter().copied().find(|i| shape(self, *i).contains(&AxisId::BATCH));
            match lender {
                Some(lender) => {
                    let lender = self.batch_of(lender, span);
                    v = self.add_at(0, Op::Map(Map::Broadcast), &[v, lender], span)[0];
                }
                // What is given nothing is the same for every sample, and is there once.
                None => order.retain(|a| *a != AxisId::BATCH),
            }
        }
        if shape(self, v) != order {
            v = self.add_at(0, Op::View(View::Transpose(order)), &[v], span)[0];
        }
        v
    }

    fn arguments_of(
        &mut self,
        kind: BlockKind,
        template: TemplateId,
        forward: &ast::Forward,
        built: &Built,
        present: &[usize],
    ) -> Option<Vec<Argument>> {
        let mut env = Env::new(self.templates[template.0].scope.clone());
        let mut out = Vec::new();
        for i in present {
            let p: &Param = &forward.params[*i];
            let input = self.module.function(built.function).input(&p.name.name)?.clone();
            let value = self.module.function(built.function).value(input.value).clone();
            let null = match &p.null {
                Some(e) => Some(self.eval_int(&mut env, e)?),
                None => None,
            };
            out.push(Argument {
                name: p.name.name.clone(),
                role: if kind == BlockKind::Model { self.role(p)? } else { None },
                shape: value.shape.into_iter().filter(|a| *a != AxisId::BATCH).collect(),
                integer: value.storage == DType::Int,
                below: None,
                null,
            });
        }
        Some(out)
    }

    #[allow(clippy::option_option)]
    fn role(&mut self, p: &Param) -> Option<Option<Role>> {
        let known = ["noisy", "timestep", "label", "context"];
        self.known_attributes(&p.attributes, &known);
        let named = p.attributes.first().map(|a| a.name.name.as_str());
        let word = named.or(match p.name.name.as_str() {
            "x" => Some("noisy"),
            "t" => Some("timestep"),
            "y" => Some("label"),
            "context" => Some("context"),
            _ => None,
        });
        Some(match word {
            Some("noisy") => Some(Role::Noisy),
            Some("timestep") => Some(Role::Timestep),
            Some("label") => Some(Role::Label),
            Some("context") => Some(Role::Context),
            _ => None,
        })
    }

    /// The smallest table that an integer input is looked up in.
    fn looked_up(&self, function: FuncId, input: &str) -> Option<usize> {
        let f = self.module.function(function);
        let value = f.input(input)?.value;
        self.table_of(function, value)
    }

    fn table_of(&self, function: FuncId, value: ValueId) -> Option<usize> {
        let mut smallest: Option<usize> = None;
        let mut seen = rustc_hash::FxHashSet::default();
        let mut wanted = vec![(function, value)];
        while let Some((function, value)) = wanted.pop() {
            if !seen.insert((function, value)) {
                continue;
            }
            for node in &self.module.function(function).nodes {
                for (i, _) in node.inputs.iter().enumerate().filter(|(_, v)| **v == value) {
                    match &node.op {
                        Op::Gather { axis } if i == 1 => {
                            let n = self.size_of(*axis);
                            smallest = Some(smallest.map_or(n, |s| s.min(n)));
                        }
                        Op::Call { function: callee, .. } => {
                            wanted.push((*callee, self.module.function(*callee).inputs[i].value));
                        }
                        Op::Map(Map::Where | Map::Broadcast) | Op::View(_) => {
                            wanted.push((function, node.outputs[0]));
                        }
                        _ => {}
                    }
                }
            }
        }
        smallest
    }

    pub(super) fn file_id(&self, file: usize) -> arch_grammar::FileId {
        self.files[file].id
    }
}

impl InputKind {
    /// The same kind under a name further out: random numbers are keyed by their whole path.
    pub(super) fn renamed(&self, name: &str) -> InputKind {
        match self {
            InputKind::Random(r) => {
                InputKind::Random(crate::ops::source::Random { purpose: name.to_string(), ..r.clone() })
            }
            other => other.clone(),
        }
    }
}
