//! Uses of what exists under a condition only, where that condition need not hold.
//!
//! The evaluating walk sees one configuration at a time, and in most of them a conditional input is there. So the
//! text is looked at as well: no configuration may satisfy the conditions around a use and lack what is used.

use super::Session;
use super::existence::{Existence, Guard, Use, uses};
use super::source::ItemRef;
use arch_grammar::Diagnostic;
use arch_grammar::ast::{BlockItem, Expr, ExprKind, Forward, Item, Member, ParamKind};

impl Session<'_> {
    /// Reports uses of inputs, layers and values in configurations that do not have them.
    pub(super) fn check_conditions(&mut self) {
        let files: Vec<usize> = (0..self.files.len()).filter(|f| !self.files[*f].library).collect();
        for file in files {
            let ast = self.files[file].ast.clone();
            for (index, item) in ast.items.iter().enumerate() {
                // What a variant does wrong, its base does.
                if let Item::Block(block) = item
                    && block.variant.is_none()
                    && !self.is_broken(ItemRef { file, index })
                {
                    self.conditions_of(file, block);
                }
            }
        }
    }

    fn conditions_of(&mut self, file: usize, block: &BlockItem) {
        let mut reported: Option<Use> = None;
        for found in uses(block) {
            // What is handed to a layer that exists under the same condition is the same mistake.
            if reported.as_ref().is_some_and(|call| self.is_part_of(&found, call)) {
                continue;
            }
            if found.handed_to.is_some_and(|callee| self.takes_absent(file, block, callee)) {
                continue;
            }
            let absent = self.configuration_without(file, block, &found.guards, &found.exists);
            if let Some(configuration) = absent {
                self.used_without_condition(&found, &configuration);
                reported = Some(found);
            }
        }
    }

    fn is_part_of(&self, argument: &Use, call: &Use) -> bool {
        call.called
            && argument.handed_to == Some(call.name)
            && self.shown_existence(&argument.exists) == self.shown_existence(&call.exists)
    }

    fn used_without_condition(&mut self, found: &Use, configuration: &str) {
        let only = self.shown_existence(&found.exists);
        let (code, what) = if found.called { ("A0410", "called") } else { ("A0406", "used") };
        let title = format!("`{}` is {what} where it may not exist", found.name);
        let mut d = Diagnostic::error(code, title, found.span).label(format!("exists only if {only}"));
        if let Some((condition, _)) = found.exists.first().and_then(|all| all.last()) {
            d = d.also(condition.span, "its condition");
        }
        if !configuration.is_empty() {
            d = d.remark(format!("it does not exist with {configuration}"));
        }
        self.report(d.help(format!("use it under the same condition: `if {only} {{ … }} else {{ … }}`")));
    }

    fn shown_existence(&self, exists: &Existence) -> String {
        let shown = |(condition, holds): &Guard| {
            let text = self.sources.slice(condition.span);
            if *holds { text.to_string() } else { format!("not ({text})") }
        };
        let all = exists.iter().map(|all| all.iter().map(shown).collect::<Vec<_>>().join(" and "));
        all.collect::<Vec<_>>().join(" or ")
    }

    /// Whether something absent may be handed to what is called: a layer with conditional inputs of its own, or
    /// a function that is told whether.
    fn takes_absent(&mut self, file: usize, block: &BlockItem, callee: &str) -> bool {
        let mut layers: Vec<(&str, &Expr)> = Vec::new();
        declared_layers(&block.members, &mut layers);
        let here: Vec<&Expr> = layers.iter().filter(|(name, _)| *name == callee).map(|(_, e)| *e).collect();
        if !here.is_empty() {
            return here.into_iter().any(|layer| self.has_conditional_input(file, layer));
        }
        match self.lookup_item(file, callee) {
            Some(item) => match &self.files[item.file].ast.items[item.index] {
                Item::Fn(f) => {
                    f.params.iter().any(|p| matches!(&p.kind, ParamKind::Value(ty) if ty.name == "bool"))
                }
                _ => false,
            },
            // A local name: a layer that a loop goes through.
            None => layers.into_iter().any(|(_, layer)| self.has_conditional_input(file, layer)),
        }
    }

    fn has_conditional_input(&mut self, file: usize, layer: &Expr) -> bool {
        match &layer.kind {
            ExprKind::Name(name) => self.lookup_item(file, name).is_some_and(|item| {
                let Item::Block(block) = &self.files[item.file].ast.items[item.index] else { return false };
                forward_of(block).is_some_and(|f| f.params.iter().any(|p| p.condition.is_some()))
            }),
            ExprKind::Call(x, _) | ExprKind::Paren(x) | ExprKind::Repeat(x, _) => {
                self.has_conditional_input(file, x)
            }
            ExprKind::ListFor { body, .. } => self.has_conditional_input(file, body),
            ExprKind::List(xs) => xs.iter().any(|x| self.has_conditional_input(file, x)),
            ExprKind::If { then, otherwise, .. } => {
                let bodies = std::iter::once(then).chain(otherwise);
                bodies.filter_map(|b| b.tail.as_deref()).any(|x| self.has_conditional_input(file, x))
            }
            _ => false,
        }
    }
}

/// The `forward` of a block.
pub(super) fn forward_of(block: &BlockItem) -> Option<&Forward> {
    block.members.iter().find_map(|m| match m {
        Member::Forward(f) => Some(f),
        _ => None,
    })
}

/// The layers of a block with their declarations, those in `if`s too.
fn declared_layers<'a>(members: &'a [Member], out: &mut Vec<(&'a str, &'a Expr)>) {
    for member in members {
        match member {
            Member::Layer(l) => out.push((&l.name.name, &l.value)),
            Member::If(i) => {
                declared_layers(&i.then, out);
                declared_layers(&i.otherwise, out);
            }
            _ => {}
        }
    }
}
