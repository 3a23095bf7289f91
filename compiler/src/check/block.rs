//! Blocks with all their sizes and config values known: templates. Layers of the same sizes and config
//! share one, and its functions.

use super::Session;
use super::forward::Built;
use super::report::Site;
use super::scope::{Config, Env, Part, Scope};
use super::source::ItemRef;
use super::value::{Layer, Number, Scalar, Val};
use crate::graph::AxisId;
use arch_grammar::ast::{self, BlockItem, Member};
use arch_grammar::{Diagnostic, Span};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A template: its place in [`Session::templates`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TemplateId(pub usize);

/// A parameter or buffer of a template.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub name: String,
    /// Its name in the checkpoint, without what stands in front.
    pub public: String,
    pub shape: Vec<AxisId>,
    /// How many of the axes, from the first, come from the first entry of the declared shape.
    pub outputs: usize,
    pub stored: Vec<usize>,
    pub init: Option<Rc<ast::Expr>>,
    pub trained: bool,
    pub decay: bool,
    pub bf16: bool,
    pub declared: Span,
}

/// A block with sizes and config.
pub(super) struct Template {
    pub item: ItemRef,
    pub name: String,
    pub scope: Rc<Scope>,
    /// The axis parameters, in order, lists taken apart.
    pub axes: Vec<AxisId>,
    pub parameters: Vec<Parameter>,
    /// Layers in the order of declaration: where they hang and what they are.
    pub layers: Vec<Layer>,
    pub forward: Option<Rc<ast::Forward>>,
    /// The functions made of `forward`, by the shapes of the arguments.
    pub built: FxHashMap<String, Rc<Built>>,
    /// Block-level names that a walked `forward` used.
    pub used: Rc<RefCell<BTreeSet<String>>>,
    /// Where it was first declared.
    pub site: Span,
    /// The declarations that led to it.
    pub sites: Vec<Site>,
    /// How many layers and parameters are in it and below.
    pub tensors: usize,
    /// Whether all its members are right. The `forward` of one that is not can be looked at, but not be called.
    pub whole: bool,
}

/// Layers and parameters that one item may have.
const MOST_TENSORS: usize = 200_000;

/// What a layer gives a block.
pub(super) struct Given {
    /// For each axis parameter one entry: the axes of whoever declares the layer (one, or a list).
    pub axes: Vec<Vec<AxisId>>,
    /// Config values by name, and where they were given.
    pub config: Vec<(String, Val, Span)>,
    /// Where the layer is declared.
    pub site: Span,
}

impl Session<'_> {
    pub(super) fn block_item(&self, item: ItemRef) -> Option<(Rc<ast::File>, usize)> {
        let ast = self.files[item.file].ast.clone();
        matches!(ast.items[item.index], ast::Item::Block(_)).then_some((ast, item.index))
    }

    /// The template of a block for what is given. `None` if it was reported that there is none.
    pub(super) fn instantiate(&mut self, item: ItemRef, given: Given) -> Option<TemplateId> {
        let span = given.site;
        let walk = |s: &mut Self| {
            stacker::maybe_grow(super::expr::RED_ZONE, super::expr::STACK, || s.instantiate_here(item, given))
        };
        if span == Span::default() {
            return walk(self);
        }
        let name = self.item_name(item).name.into();
        self.within(Site { span, name, function: false, bindings: Rc::default() }, walk)
    }

    fn instantiate_here(&mut self, item: ItemRef, given: Given) -> Option<TemplateId> {
        let (ast, index) = self.block_item(item)?;
        if self.fuel == 0 {
            return None;
        }
        let ast::Item::Block(block) = &ast.items[index] else { return None };
        let mut env = Env::new(Rc::new(self.block_scope(item, block, &given)?));
        if !self.decide(&mut env, block, &given) {
            return None;
        }
        let key = self.template_key(item, &env.scope);
        if let Some(id) = self.template_keys.get(&key) {
            return Some(*id);
        }
        if self.endless(&key, block, given.site) {
            return None;
        }
        self.declaring.push((key.clone(), given.site));
        let template = self.declare_members(item, block, env, given.site);
        self.declaring.pop();
        let template = template?;
        let id = TemplateId(self.templates.len());
        self.templates.push(template);
        self.template_keys.insert(key, id);
        Some(id)
    }

    /// Forgets all templates but the first `known`: what was found wrong with others was not said, so that whoever
    /// means their sizes must meet it again.
    pub(super) fn forget_templates(&mut self, known: usize) {
        self.templates.truncate(known);
        self.template_keys.retain(|_, id| id.0 < known);
    }

    fn endless(&mut self, key: &str, block: &BlockItem, site: Span) -> bool {
        let cycle = self.declaring.iter().position(|(k, _)| k == key);
        let deep = self.declaring.len() >= 200;
        if cycle.is_none() && !deep {
            return false;
        }
        let name = &block.name.name;
        let mut d = Diagnostic::error("A0404", format!("`{name}` contains itself without end"), site)
            .label(format!("this `{name}` is the same as the one around it"));
        if deep && cycle.is_none() {
            d = Diagnostic::error("A0404", format!("blocks nest more than 200 deep at `{name}`"), site);
        }
        let from = cycle.unwrap_or(self.declaring.len() - 1);
        for (_, span) in self.declaring[from..].to_vec().iter().skip(1) {
            d = d.also(*span, "on the way");
        }
        self.report(d.help(
            "a block may contain itself if a config value gets smaller: `if level > 0 { Level(…, level: level - 1) }`",
        ));
        true
    }

    /// Axis parameters and ties; config values and dims follow in the order of the members.
    fn block_scope(&mut self, item: ItemRef, block: &BlockItem, given: &Given) -> Option<Scope> {
        let mut scope = Scope { file: self.home(item), ..Scope::default() };
        if given.axes.len() != block.axes.len() {
            self.wrong_axes(block, given);
            return None;
        }
        for (param, axes) in block.axes.iter().zip(&given.axes) {
            if !param.list && axes.len() != 1 {
                let text = format!(
                    "`{}` of `{}` is one axis, but {} are given",
                    param.name.name,
                    block.name.name,
                    axes.len()
                );
                self.report(
                    Diagnostic::error("A0401", text, given.site)
                        .also(param.span, "declared here")
                        .help("give one axis, or make the parameter a list: `I..`"),
                );
                return None;
            }
            let own: Vec<AxisId> = axes.iter().map(|a| self.own_axis(*a, param)).collect();
            let value = if param.list { Val::Axes(own) } else { Val::Axis(own[0]) };
            scope.axes.insert(param.name.name.clone(), value);
        }
        Some(scope)
    }

    /// The block's own identity for an axis that was given.
    fn own_axis(&mut self, axis: AxisId, param: &ast::AxisParam) -> AxisId {
        let name = if param.list { self.axis_name(axis) } else { param.name.name.clone() };
        let origin = self.axis_info(axis).origin.clone();
        let own = self.new_axis_from(&name, self.size_of(axis), param.span, origin);
        self.axes[own.0 as usize].certain = self.axis_info(axis).certain;
        own
    }

    fn wrong_axes(&mut self, block: &BlockItem, given: &Given) {
        let names: Vec<&str> = block.axes.iter().map(|a| a.name.name.as_str()).collect();
        let name = &block.name.name;
        let are = if given.axes.len() == 1 { "is" } else { "are" };
        let axes = if names.len() == 1 { "1 axis".to_string() } else { format!("{} axes", names.len()) };
        let text =
            format!("`{name}` takes {axes} ({}), but {} {are} given", names.join(", "), given.axes.len());
        let d = Diagnostic::error("A0401", text, given.site).also(block.name.span, "declared here");
        self.report(d.help(format!("write `{name}({}, …)`", names.join(", "))));
    }

    fn template_key(&mut self, item: ItemRef, scope: &Scope) -> String {
        use std::fmt::Write;
        let mut key = format!("{}:{}", item.file, item.index);
        for axes in scope.axes.values() {
            let sizes = match axes {
                Val::Axis(a) => vec![self.size_of(*a)],
                Val::Axes(list) => list.iter().map(|a| self.size_of(*a)).collect(),
                _ => Vec::new(),
            };
            let _ = write!(key, " {sizes:?}");
        }
        for (name, config) in &scope.config {
            let _ = write!(key, " {name}={}", self.value_key(&config.value));
        }
        key
    }

    fn declare_members(
        &mut self,
        item: ItemRef,
        block: &BlockItem,
        mut env: Env,
        site: Span,
    ) -> Option<Template> {
        let given = env.scope.axes.iter().take(block.axes.len());
        let axes = given.flat_map(|(_, v)| axes_of(v)).collect();
        let mut template = Template {
            item,
            name: block.name.name.clone(),
            scope: Rc::default(),
            axes,
            parameters: Vec::new(),
            layers: Vec::new(),
            forward: None,
            built: FxHashMap::default(),
            used: Rc::default(),
            site,
            sites: self.sites.clone(),
            tensors: 0,
            whole: true,
        };
        let before = self.error_count();
        self.members(&mut env, &mut template, &block.members);
        if self.fuel == 0 || !self.small_enough(&mut template) {
            return None;
        }
        template.whole = self.error_count() == before;
        template.scope = env.scope.clone();
        template.used = env.used.clone();
        Some(template)
    }

    /// Every layer of a block that holds layers of itself doubles what is in it, so this grows fast.
    fn small_enough(&mut self, template: &mut Template) -> bool {
        let below = template.layers.iter().map(|l| self.templates[l.template.0].tensors);
        template.tensors = below.fold(template.parameters.len() + 1, usize::saturating_add);
        if template.tensors <= MOST_TENSORS {
            return true;
        }
        let place =
            if template.site == Span::default() { self.item_name(template.item).span } else { template.site };
        let text = format!("`{}` would have more than 200,000 layers and parameters", template.name);
        let d = Diagnostic::error("A0411", text, place);
        self.report(d.help("a block that holds two of itself doubles at every level"));
        self.give_up();
        false
    }

    fn members(&mut self, env: &mut Env, template: &mut Template, members: &[Member]) {
        for member in members {
            match member {
                // These were decided before, by `decide`.
                Member::Config(_) | Member::Preset(_) | Member::Require(_) => {}
                Member::Dims(_) | Member::Let(_) => {}
                Member::Param(p) => self.declare_parameter(env, template, p, true),
                Member::Buffer(p) => self.declare_parameter(env, template, p, false),
                Member::Layer(l) => self.declare_layer(env, template, l),
                Member::If(i) => match self.eval_condition(env, &i.condition) {
                    Some(true) => {
                        self.members(env, template, &i.then);
                        self.absent_members(env, &i.otherwise, &i.condition);
                    }
                    Some(false) => {
                        self.members(env, template, &i.otherwise);
                        self.absent_members(env, &i.then, &i.condition);
                    }
                    None => {
                        Self::lose_parts(env, &i.then);
                        Self::lose_parts(env, &i.otherwise);
                    }
                },
                Member::Forward(f) => template.forward = Some(Rc::new(f.clone())),
                Member::Lost(lost) => {
                    self.unknown_because_of_an_error();
                    lost.names.iter().for_each(|name| lose_part(env, name));
                }
            }
        }
    }

    /// Members that nobody knows of whether they are there.
    fn lose_parts(env: &mut Env, members: &[Member]) {
        for member in members {
            match member {
                Member::Layer(l) => lose_part(env, &l.name),
                Member::Param(p) | Member::Buffer(p) => lose_part(env, &p.name),
                Member::If(i) => {
                    Self::lose_parts(env, &i.then);
                    Self::lose_parts(env, &i.otherwise);
                }
                _ => {}
            }
        }
    }

    /// Layers of the branch that was not taken are known by name, so that using one says why it is absent.
    fn absent_members(&mut self, env: &mut Env, members: &[Member], condition: &ast::Expr) {
        let text: Rc<str> = format!("decided by `if {}`", self.sources.slice(condition.span)).into();
        for member in members {
            let name = match member {
                Member::Layer(l) => &l.name,
                Member::Param(p) | Member::Buffer(p) => &p.name,
                _ => continue,
            };
            if !env.scope.parts.contains_key(&name.name) {
                let part = Part::Layer(Val::Absent(text.clone()));
                Rc::make_mut(&mut env.scope).parts.insert(name.name.clone(), (part, name.span));
            }
        }
    }

    pub(super) fn require(&mut self, env: &mut Env, require: &ast::RequireDecl, site: Span) {
        let was = std::mem::replace(&mut env.sizes, true);
        let holds = self.eval_condition(env, &require.condition);
        env.sizes = was;
        if holds != Some(false) {
            return;
        }
        let condition = self.sources.slice(require.condition.span).to_string();
        let title = match &require.message {
            Some(m) => self.fill(env, m),
            None => format!("`{condition}` does not hold"),
        };
        // The mistake is where the layer is declared, not in the block that states what it needs.
        let own = site == Span::default();
        let place = if own { require.condition.span } else { site };
        let mut d = Diagnostic::error("A0203", title, place).label(format!("needs {condition}"));
        if !own {
            d = d.also(require.span, "required here");
        }
        d = self.facts(env, &require.condition, d);
        if let Some(text) = self.divisor_help(env, &require.condition) {
            d = d.help(text);
        }
        self.report(d);
    }

    /// For `A % b == 0`: which values of `b` would do, or of `A` where `b` is a number that nobody can change.
    fn divisor_help(&mut self, env: &mut Env, condition: &ast::Expr) -> Option<String> {
        let ast::ExprKind::Binary(ast::BinaryOp::Eq, rem, zero) = &condition.kind else { return None };
        let ast::ExprKind::Binary(ast::BinaryOp::Rem, a, b) = &rem.kind else { return None };
        if zero.kind != ast::ExprKind::Int(0) {
            return None;
        }
        let (x, y) = (self.eval_int(env, a)?, self.eval_int(env, b)?);
        if let ast::ExprKind::Int(_) = b.kind {
            let below = if y > 0 { x.div_euclid(y).checked_mul(y) } else { return None };
            // Numbers may be as large as any: what lies beyond is no help.
            let near = [below, below.and_then(|n| n.checked_add(y))];
            let near: Vec<String> =
                near.into_iter().flatten().filter(|n| *n > 0).map(|n| n.to_string()).collect();
            return Some(format!(
                "multiples of {y} near {} = {x}: {}",
                self.sources.slice(a.span),
                near.join(" and ")
            ));
        }
        let near: Vec<String> = super::arith::near_divisors(x, y).iter().map(i64::to_string).collect();
        let (a, b) = (self.sources.slice(a.span), self.sources.slice(b.span));
        (!near.is_empty()).then(|| format!("divisors of {a} = {x} near {b} = {y}: {}", near.join(" and ")))
    }

    /// A text with its `{values}` filled in.
    pub(super) fn fill(&mut self, env: &mut Env, text: &ast::StrLit) -> String {
        let mut out = String::new();
        let mut rest = text.value.as_str();
        while let Some(open) = rest.find('{') {
            out.push_str(&rest[..open]);
            let Some(close) = rest[open..].find('}') else { break };
            let name = rest[open + 1..open + close].trim();
            let known = env.local(name).is_some() || env.scope.config.contains_key(name);
            if known || env.axis(name).is_some() {
                match self.eval_name(env, name, text.span) {
                    Val::Str(text) => out.push_str(&text),
                    value => out.push_str(&self.show_value(&value)),
                }
            } else {
                let d = Diagnostic::error("A0101", format!("there is no `{name}` here"), text.span);
                self.report(d.label("in this text"));
            }
            rest = &rest[open + close + 1..];
        }
        out.push_str(rest);
        out
    }

    /// A compile-time value as a user would write it.
    pub(super) fn show_value(&self, value: &Val) -> String {
        match value {
            Val::Number(Number { value: Scalar::Int(i), .. }) => i.to_string(),
            Val::Number(n) => n.value.to_string(),
            Val::Bool(b) => b.to_string(),
            Val::Str(s) => format!("\"{s}\""),
            Val::Word(w) => w.to_string(),
            Val::None => "none".into(),
            Val::Axis(a) => self.size_of(*a).to_string(),
            Val::Init(i) => i.key.split('\u{1}').next().unwrap_or_default().to_string(),
            Val::Callee(super::value::Callee::Builtin(n)) => (*n).to_string(),
            Val::Callee(super::value::Callee::Function(i) | super::value::Callee::Block(i)) => {
                self.item_name(*i).name
            }
            Val::List(l) => {
                let parts: Vec<String> = l.iter().map(|v| self.show_value(v)).collect();
                format!("[{}]", parts.join(", "))
            }
            other => other.kind().to_string(),
        }
    }

    /// A config value bound in a block.
    pub(super) fn bind_config(
        &mut self,
        env: &mut Env,
        name: &str,
        value: Val,
        declared: Span,
        choices: Rc<[String]>,
    ) {
        let config = Config { settable: true, value, declared, choices };
        Rc::make_mut(&mut env.scope).config.insert(name.to_string(), config);
    }
}

/// Makes a name known of which nothing is known but that there was an error.
pub(super) fn lose_part(env: &mut Env, name: &ast::Ident) {
    let parts = &mut Rc::make_mut(&mut env.scope).parts;
    parts.entry(name.name.clone()).or_insert((Part::Layer(Val::Error), name.span));
}

/// The axes that a scope entry stands for.
pub(super) fn axes_of(value: &Val) -> Vec<AxisId> {
    match value {
        Val::Axis(a) => vec![*a],
        Val::Axes(list) => list.clone(),
        _ => Vec::new(),
    }
}
