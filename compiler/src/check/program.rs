//! From an item that was asked for to a program.

use super::Session;
use super::block::{Given, Parameter, TemplateId};
use super::forward::{ArgShape, Built, CallShape};
use super::layers::join;
use super::matching::Slot;
use super::scope::Env;
use super::settings::Settings;
use super::source::ItemRef;
use super::value::Val;
use crate::graph::{AxisId, DType, FuncId, InputKind, ValueId};
use crate::ops::{Map, Op, View};
use crate::program::{self, Argument, Layer as LayerRow, Program, Role};
use arch_grammar::ast::{self, BlockKind, ExprKind, Param, ParamKind};
use arch_grammar::{Diagnostic, Span, nearest};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// A parameter of the whole item: its name in the checkpoint, its template, its place there.
pub(super) struct Stored {
    pub name: String,
    pub template: TemplateId,
    pub index: usize,
    stored: Option<Vec<usize>>,
}

impl Session<'_> {
    /// The program of the item that the request names.
    pub(super) fn program(&mut self, file: usize) -> Option<Program> {
        let item = self.asked_item(file)?;
        self.item_program(item)
    }

    /// Whether axes can have the sizes that are given from outside; reports those that none can have.
    pub(super) fn asked_dims(&mut self, file: usize) -> bool {
        let errors = self.error_count();
        let place = Span::new(self.file_id(file), 0, 0);
        for (name, size) in self.request.dims.clone() {
            if size == 0 || size > super::report::LONGEST {
                let text = format!("axis `{name}` cannot be {size} long");
                let from = format!("from the command line (--dim {name}={size})");
                let d = Diagnostic::error("A0207", text, place).fact(format!("{name} = {size}"), from);
                self.report(d.help("sizes are at least 1 and below 4,294,967,296"));
            }
        }
        self.error_count() == errors
    }

    pub(super) fn asked_item(&mut self, file: usize) -> Option<ItemRef> {
        let ast = self.files[file].ast.clone();
        let end = ast.items.last().map_or(Span::default(), |_| Span::new(self.file_id(file), 0, 0));
        let blocks: Vec<(usize, &ast::BlockItem)> = ast
            .items
            .iter()
            .enumerate()
            .filter_map(|(i, item)| match item {
                ast::Item::Block(b) => Some((i, b)),
                _ => None,
            })
            .collect();
        let of_kind = |variants: bool| {
            let models = blocks.iter().filter(|(_, b)| b.kind == BlockKind::Model);
            models.filter(|(_, b)| b.variant.is_some() == variants).map(|(i, _)| *i).collect::<Vec<_>>()
        };
        // A model with variants is one model, and it is the one that is meant.
        let own = of_kind(false);
        let models = if own.is_empty() { of_kind(true) } else { own };
        let names = || blocks.iter().map(|(_, b)| b.name.name.as_str()).collect::<Vec<_>>();
        if let Some(name) = self.request.item.clone() {
            if let Some((index, _)) = blocks.iter().find(|(_, b)| b.name.name == name) {
                return Some(ItemRef { file, index: *index });
            }
            let d = Diagnostic::error("A0108", format!("this file has no model or block `{name}`"), end);
            let d = match nearest(&name, names()) {
                Some(n) => d.help(format!("did you mean `{n}`?")),
                None => d.help(format!("it has: {}", names().join(", "))),
            };
            self.report(d);
            return None;
        }
        let only = match (&models[..], &blocks[..]) {
            ([index], _) => Some(*index),
            ([], [(index, _)]) => Some(*index),
            _ => None,
        };
        if let Some(index) = only {
            return Some(ItemRef { file, index });
        }
        let d = if blocks.is_empty() {
            Diagnostic::error("A0108", "this file has no model or block", end)
        } else {
            Diagnostic::error("A0109", "which item is meant is not said", end)
                .help(format!("choose one with `--item`: {}", names().join(", ")))
        };
        self.report(d);
        None
    }

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
            module: self.module.clone(),
            entry,
            item: block.name.name.clone(),
            parameters,
            inputs,
            outputs,
            config,
            layers,
        })
    }

    /// Sizes of open axes from the inputs that will come: each name of a signature takes the size at its
    /// place. Sizes that are known otherwise are held against the inputs when these are read.
    fn sizes_from_inputs(&mut self, block: &ast::BlockItem) {
        let forward = block.members.iter().find_map(|m| match m {
            ast::Member::Forward(f) => Some(f),
            _ => None,
        });
        for param in forward.iter().flat_map(|f| &f.params) {
            let ParamKind::Tensor(shape) = &param.kind else { continue };
            let Some((_, sizes)) = self.request.shapes.iter().find(|(n, _)| *n == param.name.name) else {
                continue;
            };
            if sizes.len() != shape.axes.len() {
                continue;
            }
            for (entry, size) in shape.axes.iter().zip(sizes) {
                if let ExprKind::Name(name) | ExprKind::Spread(ast::Ident { name, .. }) = &entry.kind {
                    self.dims.entry(name.clone()).or_insert(*size);
                }
            }
        }
    }

    /// The template of an item that stands alone.
    pub(super) fn top_template(
        &mut self,
        item: ItemRef,
        block: &ast::BlockItem,
        settings: &Settings,
    ) -> Option<TemplateId> {
        let mut axes = Vec::new();
        for param in &block.axes {
            axes.push(vec![self.top_axis(block, param, settings)?]);
        }
        let given = Given { axes, config: settings.config.clone(), site: Span::default() };
        self.instantiate(item, given)
    }

    /// The size of an axis parameter of an item that stands alone.
    fn top_axis(
        &mut self,
        block: &ast::BlockItem,
        param: &ast::AxisParam,
        settings: &Settings,
    ) -> Option<AxisId> {
        let name = &param.name.name;
        let asked = self.request.dims.iter().find(|(n, _)| n == name).map(|(_, s)| *s);
        if let Some(size) = asked {
            let from = format!("from the command line (--dim {name}={size})");
            return Some(self.dim_axis(name, size, param.span, &from));
        }
        if let Some(ast::Expr { kind: ExprKind::Name(tie), .. }) = &param.tied {
            let told = settings.config.iter().find(|(n, _, _)| n == tie).map(|(_, v, at)| (v.clone(), *at));
            let value = match told {
                Some(v) => Some(v),
                None => self.tied_default(block, tie),
            };
            if let Some((v, at)) = value {
                let number = self.as_number(&v);
                let told = self.as_int(&v, at)?;
                let n = usize::try_from(told).unwrap_or(0);
                let from = number.and_then(|n| n.origin).map_or_else(String::new, |o| o.from.clone());
                if n == 0 || n > super::report::LONGEST {
                    let d = Diagnostic::error(
                        "A0207",
                        format!("axis `{name}` cannot be {told} long"),
                        param.span,
                    );
                    self.report(d.fact(format!("{tie} = {told}"), from));
                    return None;
                }
                return Some(self.dim_axis(name, n, param.span, &from));
            }
            if let Some(size) = self.dims.get(name).copied() {
                return Some(self.dim_axis(name, size, param.span, "from the sizes of the inputs"));
            }
            if let Some((size, from)) = self.made_up_size(name) {
                return Some(self.dim_axis(name, size, param.span, from));
            }
            let d = Diagnostic::error("A0202", format!("config `{tie}` has no value"), param.span)
                .label(format!("`{name}` is as long as `{tie}` says"))
                .help(format!("give it with `--set {tie}=…` or `--dim {name}=…`"));
            self.report(d);
            return None;
        }
        if let Some(size) = self.dims.get(name).copied() {
            return Some(self.dim_axis(name, size, param.span, "from the sizes of the inputs"));
        }
        if let Some((size, from)) = self.made_up_size(name) {
            return Some(self.dim_axis(name, size, param.span, from));
        }
        let d = Diagnostic::error("A0210", format!("the size of axis `{name}` is not known"), param.span)
            .help(format!("`{}` stands alone here: give the size with `--dim {name}=16`", block.name.name));
        self.report(d);
        None
    }

    fn tied_default(&mut self, block: &ast::BlockItem, tie: &str) -> Option<(Val, Span)> {
        let decl =
            super::config::config_decls(&block.members).into_iter().find(|c| c.name.name == tie)?.clone();
        let default = decl.default.as_ref()?;
        let scope = super::scope::Scope { file: self.file_index(default.span.file), ..Default::default() };
        let mut env = Env::new(Rc::new(scope));
        let value = self.config_value(&mut env, &decl.ty, default);
        let from = format!("the default ({})", self.sources.place(default.span));
        Some((super::config::with_origin(value, tie, &from), default.span))
    }

    fn dim_axis(&mut self, name: &str, size: usize, declared: Span, from: &str) -> AxisId {
        let origin = super::value::Origin { name: name.to_string(), from: from.to_string() };
        let certain = !super::made_up::is_made_up(&origin);
        let axis = self.new_axis_from(name, size, declared, Some(Rc::new(origin)));
        self.axes[axis.0 as usize].certain = certain;
        axis
    }

    /// The shapes of the arguments of an item that stands alone: the signature's, with the batch.
    fn top_call(&mut self, template: TemplateId, forward: &ast::Forward) -> Option<(CallShape, Vec<usize>)> {
        let mut env = Env::new(self.templates[template.0].scope.clone());
        let mut open: Vec<(String, usize)> = Vec::new();
        let mut args = Vec::new();
        let mut present = Vec::new();
        for (i, param) in forward.params.iter().enumerate() {
            if let Some(c) = &param.condition
                && !self.eval_condition(&mut env, c)?
            {
                let why = self.sources.slice(c.span).to_string();
                args.push(ArgShape::Absent(format!("it is an input only if {why}").into()));
                continue;
            }
            match &param.kind {
                ParamKind::Tensor(shape) => {
                    let slots = self.top_slots(&env, forward, shape, &mut open)?;
                    let storage = std::iter::once(None).chain(slots.iter().cloned().map(Some)).collect();
                    let integer = shape.dtype.as_ref().is_some_and(|d| d.name == "int");
                    let dtype = if integer { DType::Int } else { DType::F32 };
                    args.push(ArgShape::Tensor { axes: slots, storage, dtype });
                    present.push(i);
                }
                ParamKind::Axis(axis) => {
                    args.push(ArgShape::Axis(self.open_axis(forward, &axis.name, axis.span, &mut open)?))
                }
                ParamKind::Value(_) if param.default.is_some() => {
                    let value = param.default.as_ref().map_or(Val::Error, |d| self.eval(&mut env, d));
                    let key = self.value_key(&value);
                    args.push(ArgShape::Value(value, key));
                }
                _ => {
                    let text = format!("`{}` cannot be given to an item that stands alone", param.name.name);
                    let d = Diagnostic::error("A0401", text, param.span);
                    self.report(d.help("give it a shape, `x: [T, D]`, or a default"));
                    return None;
                }
            }
        }
        Some((CallShape { args, open, lifted: Vec::new() }, present))
    }

    fn top_slots(
        &mut self,
        env: &Env,
        forward: &ast::Forward,
        shape: &ast::Shape,
        open: &mut Vec<(String, usize)>,
    ) -> Option<Vec<Slot>> {
        let mut slots = Vec::new();
        for p in self.pattern(env, shape, &|a| a)? {
            match p {
                super::matching::Pattern::Known(own, _) => slots.push(Slot::Known(own)),
                super::matching::Pattern::Open(name) => {
                    slots.push(Slot::Open(self.open_axis(forward, &name, shape.span, open)?));
                }
            }
        }
        Some(slots)
    }

    fn open_axis(
        &mut self,
        forward: &ast::Forward,
        name: &str,
        span: Span,
        open: &mut Vec<(String, usize)>,
    ) -> Option<usize> {
        if let Some(i) = open.iter().position(|(n, _)| n == name) {
            return Some(i);
        }
        let known = self.dims.get(name).copied();
        let Some(size) = known.or_else(|| self.made_up_size(name).map(|(size, _)| size)) else {
            let d = Diagnostic::error("A0210", format!("the size of axis `{name}` is not known"), span)
                .also(forward.signature, "it is open in this signature")
                .help(format!("give the size with `--dim {name}=16`; `archc run` takes it from the inputs"));
            self.report(d);
            return None;
        };
        open.push((name.to_string(), size));
        Some(open.len() - 1)
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
            let origin = inner.producer(input.value).origin;
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
        let order: Vec<AxisId> = std::iter::once(AxisId::BATCH).chain(axes.iter().copied()).collect();
        let mut v = value;
        let shape = |s: &mut Self, v: ValueId| s.context().levels[0].function.value(v).shape.clone();
        if !shape(self, v).contains(&AxisId::BATCH) {
            let lender = inputs.iter().copied().find(|i| shape(self, *i).contains(&AxisId::BATCH));
            if let Some(lender) = lender {
                let lender = self.batch_of(lender, span);
                v = self.add_at(0, Op::Map(Map::Broadcast), &[v, lender], span)[0];
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

    fn parameters(&mut self, template: TemplateId, entry: FuncId) -> Option<Vec<program::Parameter>> {
        let mut rows = Vec::new();
        self.collect_parameters(template, "", &[], &mut rows);
        let mut out: Vec<program::Parameter> = Vec::new();
        for row in rows {
            let p: Parameter = self.templates[row.template.0].parameters[row.index].clone();
            let init = self.init_function(row.template, &p, &row.name)?;
            let used = self.module.function(entry).input(&row.name).map(|i| i.value);
            let shape = match used {
                Some(v) => self.module.function(entry).value(v).shape.clone(),
                None => p.shape.clone(),
            };
            out.push(program::Parameter {
                name: row.name,
                stored: row.stored.unwrap_or(p.stored),
                shape,
                dtype: if p.bf16 { DType::BF16 } else { DType::F32 },
                trained: p.trained,
                decay: p.decay && p.trained,
                init,
                declared: p.declared,
            });
        }
        Some(out)
    }

    /// Two tensors cannot be stored under one name.
    fn distinct_names(&mut self, template: TemplateId) -> Option<()> {
        let mut rows = Vec::new();
        self.collect_parameters(template, "", &[], &mut rows);
        let mut seen: FxHashMap<&str, Span> = FxHashMap::default();
        for row in &rows {
            let declared = self.templates[row.template.0].parameters[row.index].declared;
            if let Some(before) = seen.insert(&row.name, declared) {
                let text = format!("two parameters are stored as `{}`", row.name);
                let d = Diagnostic::error("A0104", text, declared).also(before, "the other one");
                self.report(d.help("give one of them another `@name`"));
                return None;
            }
        }
        Some(())
    }

    pub(super) fn collect_parameters(
        &self,
        template: TemplateId,
        path: &str,
        stored: &[(String, Vec<usize>)],
        out: &mut Vec<Stored>,
    ) {
        let t = &self.templates[template.0];
        for (index, p) in t.parameters.iter().enumerate() {
            let other = stored.iter().find(|(n, _)| *n == p.name).map(|(_, s)| s.clone());
            out.push(Stored { name: join(path, &p.public), template, index, stored: other });
        }
        for layer in &t.layers {
            self.collect_parameters(layer.template, &join(path, &layer.path), &layer.stored, out);
        }
    }

    /// Warns of layers, parameters and buffers that no walked `forward` used.
    fn unused_parts(&mut self) {
        let mut warnings = Vec::new();
        for t in &self.templates {
            if t.built.is_empty()
                || self.is_library(t.scope.parts.values().next().map_or(Span::default(), |p| p.1))
            {
                continue;
            }
            for (name, (part, span)) in &t.scope.parts {
                if t.used.borrow().contains(name) {
                    continue;
                }
                let (code, what) = match part {
                    super::scope::Part::Parameter(_) => ("A0902", "parameter"),
                    super::scope::Part::Layer(Val::Absent(_)) => continue,
                    super::scope::Part::Layer(Val::List(l)) if l.is_empty() => continue,
                    super::scope::Part::Layer(_) => ("A0901", "layer"),
                };
                let text = format!("{what} `{name}` of `{}` is never used", t.name);
                let d = Diagnostic::warning(code, text, *span)
                    .label("its weights would be stored and never trained");
                warnings.push(d.help("use it in `forward`, or remove it"));
            }
        }
        for w in warnings {
            self.report(w);
        }
    }

    pub(super) fn layer_rows(&self, template: TemplateId) -> Vec<LayerRow> {
        let mut rows = Vec::new();
        self.layer_row(template, String::new(), &mut rows);
        rows
    }

    fn layer_row(&self, template: TemplateId, path: String, rows: &mut Vec<LayerRow>) -> (usize, usize) {
        let t = &self.templates[template.0];
        let at = rows.len();
        let function = t.built.values().map(|b| b.function).min();
        rows.push(LayerRow {
            path: path.clone(),
            block: t.name.clone(),
            params: 0,
            params_with_buffers: 0,
            function,
            calls: usize::from(function.is_some()),
        });
        let mut sums = (0, 0);
        for p in &t.parameters {
            let n = self.elements(&p.shape);
            sums.0 = usize::saturating_add(sums.0, if p.trained { n } else { 0 });
            sums.1 = usize::saturating_add(sums.1, n);
        }
        for layer in &t.layers {
            let row = rows.len();
            let below = self.layer_row(layer.template, join(&path, &layer.path), rows);
            // A layer without a name is its owner's own work, and so are the layers in it.
            if layer.path.is_empty() {
                rows.remove(row);
            }
            sums = (sums.0.saturating_add(below.0), sums.1.saturating_add(below.1));
        }
        rows[at].params = sums.0;
        rows[at].params_with_buffers = sums.1;
        sums
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
