//! Comparing a config value with one of its choices: `order == zigzag`.

use super::Session;
use super::scope::Env;
use super::value::Val;
use arch_grammar::ast::{Expr, ExprKind};

impl Session<'_> {
    /// Whether two sides are equal, if one is a config value with choices and the other names a choice.
    pub(super) fn choice_equal(&mut self, env: &mut Env, a: &Expr, b: &Expr) -> Option<Result<bool, ()>> {
        self.chosen(env, a, b).or_else(|| self.chosen(env, b, a))
    }

    fn chosen(&mut self, env: &mut Env, config: &Expr, word: &Expr) -> Option<Result<bool, ()>> {
        let (ExprKind::Name(config), ExprKind::Name(choice)) = (&config.kind, &word.kind) else {
            return None;
        };
        if env.local(config).is_some() || env.local(choice).is_some() || env.scope.config.contains_key(choice)
        {
            return None;
        }
        let known = env.scope.config.get(config)?;
        if known.choices.is_empty() {
            return None;
        }
        let (choices, value) = (known.choices.clone(), known.value.clone());
        env.used.borrow_mut().insert(config.clone());
        if !choices.contains(choice) {
            self.not_a_choice(&choices, choice, word.span);
            return Some(Err(()));
        }
        match value {
            Val::Word(w) => Some(Ok(*w == **choice)),
            Val::None => Some(Ok(false)),
            _ => Some(Err(())),
        }
    }
}
