//! Configurations of a block that are tried for what conditions say in them.

use super::Session;
use super::config::{choices, config_decls};
use super::existence::{Existence, Guard};
use super::expr::names_in;
use super::scope::{Config, Env, Scope};
use super::value::{Number, Scalar, Val};
use arch_grammar::Span;
use arch_grammar::ast::{BlockItem, ConfigDecl, ConfigTypeKind, Expr, ExprKind, Ident, Member};
use std::rc::Rc;

/// No more configurations than this are tried for one use.
const MOST: usize = 2000;

/// What decides some conditions of a block: the config values that they speak of, what is computed from these in
/// between, and the requirements on them.
struct Deciders<'a> {
    configs: Vec<&'a ConfigDecl>,
    /// `let`s and `dims`.
    between: Vec<(&'a Ident, &'a Expr)>,
    /// Each with the conditions of the `if`s around it.
    requirements: Vec<(Vec<Guard<'a>>, &'a Expr)>,
}

impl<'a> Deciders<'a> {
    fn of(block: &'a BlockItem, conditions: &[&Expr]) -> Self {
        let (mut between, mut requirements) = (Vec::new(), Vec::new());
        shared(&block.members, &mut Vec::new(), &mut between, &mut requirements);
        let mut names = Vec::new();
        conditions.iter().for_each(|c| names_in(c, &mut names));
        let spoken_of = names.clone();
        let mut known = 0;
        while known < names.len() {
            known = names.len();
            for (name, value) in &between {
                if is_in(&names, &name.name) {
                    names_in(value, &mut names);
                }
            }
            for (guards, condition) in &requirements {
                let own = names_of(guards, condition);
                if own.iter().any(|(n, _)| is_in(&names, n)) {
                    names.extend(own.into_iter().filter(|(n, _)| !is_in(&names, n)).collect::<Vec<_>>());
                }
            }
        }
        let mut configs = config_decls(&block.members);
        configs.retain(|d| is_in(&names, &d.name.name));
        // Not all configurations may be tried: what the conditions name themselves varies first.
        configs.sort_by_key(|d| !is_in(&spoken_of, &d.name.name));
        between.retain(|(name, _)| is_in(&names, &name.name));
        requirements.retain(|(guards, c)| names_of(guards, c).iter().any(|(n, _)| is_in(&names, n)));
        Deciders { configs, between, requirements }
    }
}

fn names_of(guards: &[Guard], condition: &Expr) -> Vec<(String, Span)> {
    let mut names = Vec::new();
    guards.iter().map(|(c, _)| *c).chain([condition]).for_each(|c| names_in(c, &mut names));
    names
}

fn is_in(names: &[(String, Span)], name: &str) -> bool {
    names.iter().any(|(n, _)| n == name)
}

fn shared<'a>(
    members: &'a [Member],
    around: &mut Vec<Guard<'a>>,
    between: &mut Vec<(&'a Ident, &'a Expr)>,
    requirements: &mut Vec<(Vec<Guard<'a>>, &'a Expr)>,
) {
    for member in members {
        match member {
            Member::Let(l) => between.push((&l.name, &l.value)),
            Member::Dims(d) => between.extend(d.dims.iter().map(|(name, size)| (name, size))),
            Member::Require(r) => requirements.push((around.clone(), &r.condition)),
            Member::If(i) => {
                for (branch, holds) in [(&i.then, true), (&i.otherwise, false)] {
                    around.push((&i.condition, holds));
                    shared(branch, around, between, requirements);
                    around.pop();
                }
            }
            _ => {}
        }
    }
}

impl Session<'_> {
    /// A configuration in which all `guards` hold and none of the conditions of `exists` does, as a message says
    /// it: `num_classes = 0`. Empty where there is one that no config value tells. `None` if there is none, or
    /// if it cannot be told without sizes.
    pub(super) fn configuration_without(
        &mut self,
        file: usize,
        block: &BlockItem,
        guards: &[Guard],
        exists: &Existence,
    ) -> Option<String> {
        let conditions: Vec<&Expr> = guards.iter().chain(exists.iter().flatten()).map(|(c, _)| *c).collect();
        let deciders = Deciders::of(block, &conditions);
        let values: Vec<Vec<Val>> =
            deciders.configs.iter().map(|d| self.values_to_try(file, d, &deciders, &conditions)).collect();
        let count = values.iter().fold(1, |n: usize, v| n.saturating_mul(v.len())).min(MOST);
        (0..count).find_map(|number| {
            let mut env = self.configuration(file, &deciders, &values, number)?;
            let mut holds = |list: &[Guard]| self.all_hold(&mut env, list);
            let lacks = holds(guards) == Some(true) && exists.iter().all(|list| holds(list) == Some(false));
            lacks.then(|| self.shown_configuration(&env, exists))
        })
    }

    /// The `number`-th configuration, unless it is not allowed.
    fn configuration(
        &mut self,
        file: usize,
        deciders: &Deciders,
        values: &[Vec<Val>],
        number: usize,
    ) -> Option<Env> {
        let mut rest = number;
        let mut env = Env::new(Rc::new(Scope { file, ..Scope::default() }));
        for (decl, values) in deciders.configs.iter().zip(values) {
            let value = values[rest % values.len()].clone();
            rest /= values.len();
            let (declared, choices) = (decl.name.span, choices(&decl.ty.kind));
            let config = Config { settable: true, value, declared, choices };
            Rc::make_mut(&mut env.scope).config.insert(decl.name.name.clone(), config);
        }
        for (name, value) in &deciders.between {
            // An axis and a config value may have one name; the config value is the number then.
            if env.scope.config.contains_key(&name.name) {
                continue;
            }
            if let Some(value) = self.quietly(|s| s.eval(&mut env, value)) {
                let config = Config { settable: false, value, declared: name.span, choices: Rc::from([]) };
                Rc::make_mut(&mut env.scope).config.insert(name.name.clone(), config);
            }
        }
        self.is_allowed(&mut env, deciders).then_some(env)
    }

    /// The config values that decide whether something exists.
    fn shown_configuration(&self, env: &Env, exists: &Existence) -> String {
        let mut names = Vec::new();
        exists.iter().flatten().for_each(|(condition, _)| names_in(condition, &mut names));
        let decisive = env.scope.config.iter().filter(|(name, _)| is_in(&names, name));
        let shown = decisive.map(|(name, c)| format!("{name} = {}", self.show_value(&c.value)));
        shown.collect::<Vec<_>>().join(", ")
    }

    /// Whether all conditions hold; `None` if that cannot be told.
    fn all_hold(&mut self, env: &mut Env, list: &[Guard]) -> Option<bool> {
        let mut result = Some(true);
        for (condition, wanted) in list {
            match self.quietly(|s| s.eval_condition(env, condition)).flatten() {
                Some(holds) if holds == *wanted => {}
                Some(_) => return Some(false),
                None => result = None,
            }
        }
        result
    }

    /// Whether the values are in their ranges and no requirement fails that can be told without sizes.
    fn is_allowed(&mut self, env: &mut Env, deciders: &Deciders) -> bool {
        for decl in &deciders.configs {
            let Some(value) = env.scope.config.get(&decl.name.name).map(|c| c.value.clone()) else {
                return false;
            };
            if self.quietly(|s| s.in_range(env, decl, &value, decl.span)).is_none() {
                return false;
            }
        }
        deciders.requirements.iter().all(|(guards, condition)| {
            self.all_hold(env, guards) != Some(true)
                || self.quietly(|s| s.eval_condition(env, condition)).flatten() != Some(false)
        })
    }

    /// Values of a config at which conditions may change: its choices, its default, and the numbers that it is
    /// compared with and their neighbours.
    fn values_to_try(
        &mut self,
        file: usize,
        decl: &ConfigDecl,
        deciders: &Deciders,
        conditions: &[&Expr],
    ) -> Vec<Val> {
        let mut numbers: Vec<Scalar> = Vec::new();
        conditions.iter().for_each(|c| literals(c, &mut numbers));
        deciders.between.iter().for_each(|(_, value)| literals(value, &mut numbers));
        deciders.requirements.iter().for_each(|(_, c)| literals(c, &mut numbers));
        decl.range.iter().for_each(|r| literals(r, &mut numbers));
        let mut values = Vec::new();
        let mut env = Env::new(Rc::new(Scope { file, ..Scope::default() }));
        if let Some(default) = &decl.default {
            values.extend(self.quietly(|s| s.config_value(&mut env, &decl.ty, default)));
        }
        typed(&decl.ty.kind, &numbers, &mut values);
        values
    }

    /// What something gives that may fail, without a word about it.
    pub(super) fn quietly<R>(&mut self, look: impl FnOnce(&mut Self) -> R) -> Option<R> {
        let (said, errors, fuel) = (self.diagnostics.len(), self.errors, self.fuel);
        let unknown = self.unknown.clone();
        let result = look(self);
        let fine = self.errors == errors;
        self.diagnostics.truncate(said);
        (self.errors, self.fuel, self.unknown) = (errors, fuel, unknown);
        fine.then_some(result)
    }
}

/// The numbers that an expression writes out.
pub(super) fn literals(e: &Expr, out: &mut Vec<Scalar>) {
    match &e.kind {
        ExprKind::Int(i) => out.push(Scalar::Int(*i)),
        ExprKind::Float { value, .. } => out.push(Scalar::Float(*value)),
        ExprKind::Unary(_, x) | ExprKind::Paren(x) => literals(x, out),
        ExprKind::Binary(_, a, b) => {
            literals(a, out);
            literals(b, out);
        }
        ExprKind::Range(a, b) => a.iter().chain(b).for_each(|x| literals(x, out)),
        ExprKind::Set(xs) | ExprKind::Tuple(xs) | ExprKind::List(xs) => {
            xs.iter().for_each(|x| literals(x, out));
        }
        ExprKind::Call(_, args) => args.iter().for_each(|a| literals(&a.value, out)),
        _ => {}
    }
}

/// Values of a type around the given numbers.
fn typed(ty: &ConfigTypeKind, numbers: &[Scalar], out: &mut Vec<Val>) {
    match ty {
        ConfigTypeKind::Optional(inner) => {
            out.push(Val::None);
            typed(&inner.kind, numbers, out);
        }
        ConfigTypeKind::OneOf(words) => {
            out.extend(words.iter().map(|w| Val::Word(w.name.as_str().into())));
        }
        ConfigTypeKind::Named(n) => match n.name.as_str() {
            "bool" => out.extend([Val::Bool(false), Val::Bool(true)]),
            "int" => {
                let around = numbers.iter().filter_map(|n| match n {
                    Scalar::Int(i) => Some(*i),
                    Scalar::Float(_) => None,
                });
                let near = around.flat_map(|i| [i, i.saturating_sub(1), i.saturating_add(1)]);
                let mut all: Vec<i64> = near.chain([0, 1, 2]).collect();
                all.sort_unstable();
                all.dedup();
                out.extend(all.into_iter().map(Val::int));
            }
            "float" => {
                let near = numbers.iter().map(|n| n.float()).flat_map(|x| [x, x - 0.5, x + 0.5]);
                let all =
                    near.chain([0.0, 0.5, 1.0]).map(|x| Number { value: Scalar::Float(x), origin: None });
                out.extend(all.map(Val::Number));
            }
            _ => {}
        },
        ConfigTypeKind::List(_) => {}
    }
}
