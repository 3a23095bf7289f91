//! An item that stands alone: the sizes of its axes, and the shapes of its arguments.

use super::Session;
use super::block::{Given, TemplateId};
use super::events::{Event, events};
use super::forward::{ArgShape, CallShape};
use super::matching::Slot;
use super::scope::Env;
use super::settings::Settings;
use super::source::ItemRef;
use super::value::Val;
use crate::graph::{AxisId, DType};
use arch_grammar::ast::{self, ExprKind, ParamKind};
use arch_grammar::{Diagnostic, Span};
use std::rc::Rc;

impl Session<'_> {
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
        let tie = match &param.tied {
            Some(ast::Expr { kind: ExprKind::Name(tie), .. }) => Some(tie),
            _ => None,
        };
        if let Some(tie) = tie {
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
        }
        if let Some(size) = self.dims.get(name).copied() {
            return Some(self.dim_axis(name, size, param.span, "from the sizes of the inputs"));
        }
        if let Some((size, from)) = self.made_up_size(name) {
            return Some(self.dim_axis(name, size, param.span, from));
        }
        self.report(match tie {
            Some(tie) => Diagnostic::error("A0202", format!("config `{tie}` has no value"), param.span)
                .label(format!("`{name}` is as long as `{tie}` says"))
                .help(format!("give it with `--set {tie}=…` or `--dim {name}=…`")),
            None => size_not_known(block, param),
        });
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
    pub(super) fn top_call(
        &mut self,
        template: TemplateId,
        forward: &ast::Forward,
    ) -> Option<(CallShape, Vec<usize>)> {
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
}

/// Says that nobody gives an axis parameter a size, and whether anything would come of one.
fn size_not_known(block: &ast::BlockItem, param: &ast::AxisParam) -> Diagnostic {
    let (name, shown) = (&param.name.name, &block.name.name);
    if is_named(block, name) {
        return Diagnostic::error("A0210", format!("the size of axis `{name}` is not known"), param.span)
            .help(format!("`{shown}` stands alone here: give the size with `--dim {name}=16`"));
    }
    let title = format!("the size of axis `{name}` is not known, and nothing in `{shown}` uses it");
    Diagnostic::error("A0210", title, param.span).label("no shape, size or value names it").help(format!(
        "take `{name}` out of the parentheses behind `{shown}`, or give it any size: `--dim {name}=1`"
    ))
}

/// Whether anything in a block names one of its axis parameters.
fn is_named(block: &ast::BlockItem, axis: &str) -> bool {
    let item = ast::Item::Block(block.clone());
    let mut named = 0;
    events(&item, &mut |e| {
        let (Event::Use(n, _) | Event::Axis(n, _) | Event::Braced(n, _) | Event::Declare(n)) = e else {
            return;
        };
        named += usize::from(n == axis);
    });
    // The parameter itself is one of these, but not in a variant, which has no members of its own.
    named > 1 || block.variant.is_some()
}
