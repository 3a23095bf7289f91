//! Sizes and values that are made up where a block is checked on its own.
//!
//! Axes do not depend on sizes, so any will do that the block accepts. The first two attempts tell which messages
//! speak of the sizes and not of the program. If those sizes do not suit the block, others are tried in an order
//! that is always the same.

use super::Session;
use super::config::with_origin;
use super::scope::{Env, Scope};
use super::settings::Settings;
use super::source::ItemRef;
use super::value::{Number, Origin, Scalar, Val};
use arch_grammar::ast::{BlockItem, ConfigDecl, ConfigTypeKind, Expr, ExprKind, Member};
use indexmap::{IndexMap, IndexSet};
use std::rc::Rc;

/// How long axes are in the first attempt: divisible by much, and no size that users write.
const FIRST: usize = 240;
/// How long in the second.
const SECOND: usize = 480;
/// Sizes of further attempts: small ones, and such as have many divisors, or many of one kind.
const SIZES: [usize; 56] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 21, 24, 25, 27, 28, 30, 32, 36, 40, 48,
    49, 56, 60, 64, 72, 80, 84, 96, 100, 112, 120, 121, 128, 144, 160, 168, 192, 196, 224, 256, 320, 384,
    420, 512, 768, 1024, 2520, 5040,
];
/// For how many values of the configs all sizes are tried; then each axis and config gets one of its own.
const ROUNDS: usize = 24;
/// How many attempts follow in which each axis and config gets a size or value of its own.
const MIXED: usize = 1000;
/// How many of the sizes are tried for a whole number too.
const MOST_NUMBERS: usize = 12;
/// No longer size than this is tried.
const LONGEST_LIKELY: usize = 100_000;
/// Most sizes that are taken from what the block says itself.
const MOST_OWN: usize = 40;
/// Where the sizes came from, for messages.
const FROM: &str = "a size that was made up for checking";
/// Where the values came from.
const VALUE_FROM: &str = "a value that was made up for checking";

/// What is made up in one attempt.
pub(super) struct MadeUp {
    /// Which attempt, from 0.
    attempt: usize,
    /// The sizes of axes that were made up so far, by name.
    sizes: IndexMap<String, usize>,
    /// The values of configs, as messages show them.
    values: IndexMap<String, String>,
    /// Sizes to try: those that the block itself speaks of, and common ones.
    likely: Rc<[usize]>,
}

impl MadeUp {
    /// What is made up in an attempt at a block to which these sizes are likely to suit.
    pub(super) fn new(attempt: usize, likely: Rc<[usize]>) -> Self {
        MadeUp { attempt, sizes: IndexMap::new(), values: IndexMap::new(), likely }
    }

    /// How many attempts there are.
    pub(super) fn attempts(likely: &[usize]) -> usize {
        2 + likely.len() * ROUNDS + MIXED
    }

    /// Whether anything was made up.
    pub(super) fn is_used(&self) -> bool {
        !self.sizes.is_empty() || !self.values.is_empty()
    }

    /// What was made up, as equations and where they came from.
    pub(super) fn shown(&self) -> Vec<(String, &'static str)> {
        let sizes = self.sizes.iter().map(|(name, size)| (format!("{name} = {size}"), FROM));
        sizes.chain(self.values.iter().map(|(name, v)| (format!("{name} = {v}"), VALUE_FROM))).collect()
    }

    /// The size of an axis.
    fn size(&mut self, name: &str) -> usize {
        if let Some(size) = self.sizes.get(name) {
            return *size;
        }
        let size = match self.attempt {
            0 => FIRST,
            1 => SECOND,
            n => match self.round() {
                Some(_) => self.likely[(n - 2) % self.likely.len()],
                None => self.likely[pick(n, self.sizes.len(), self.likely.len())],
            },
        };
        self.sizes.insert(name.to_string(), size);
        size
    }

    /// Which of `count` values a config has.
    fn choice(&self, count: usize) -> usize {
        match (self.attempt, self.round()) {
            (n @ (0 | 1), _) => n.min(count - 1),
            (_, Some(round)) => round % count,
            (n, None) => pick(n, self.values.len() + 100, count),
        }
    }

    /// Which of the rounds an attempt belongs to, in each of which all sizes are tried.
    fn round(&self) -> Option<usize> {
        Some((self.attempt.checked_sub(2)?) / self.likely.len()).filter(|round| *round < ROUNDS)
    }
}

/// Whether a number was made up.
pub(super) fn is_made_up(origin: &Origin) -> bool {
    origin.from == FROM || origin.from == VALUE_FROM
}

/// A number below `count` that seems arbitrary and is always the same.
fn pick(attempt: usize, place: usize, count: usize) -> usize {
    let mixed = (attempt as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (place as u64 + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed >> 33) % count as u64) as usize
}

impl Session<'_> {
    /// A size for an axis that nobody gave one, and where it came from; `None` where sizes are not made up.
    pub(super) fn made_up_size(&mut self, name: &str) -> Option<(usize, &'static str)> {
        self.made_up.as_mut().map(|m| (m.size(name), FROM))
    }

    /// Values for configs without one.
    pub(super) fn made_up_values(&mut self, decls: &[&ConfigDecl], settings: &mut Settings) {
        if self.made_up.is_none() {
            return;
        }
        for decl in decls {
            if decl.default.is_some() || settings.config.iter().any(|(n, _, _)| *n == decl.name.name) {
                continue;
            }
            let values = self.suitable_values(decl);
            let Some(m) = self.made_up.as_ref().filter(|_| !values.is_empty()) else { continue };
            let value = values[m.choice(values.len())].clone();
            let shown = self.show_value(&value);
            self.made_up.iter_mut().for_each(|m| _ = m.values.insert(decl.name.name.clone(), shown.clone()));
            let value = with_origin(value, &decl.name.name, VALUE_FROM);
            settings.config.push((decl.name.name.clone(), value, decl.name.span));
        }
    }

    /// Values that a config may have.
    fn suitable_values(&mut self, decl: &ConfigDecl) -> Vec<Val> {
        let mut all = Vec::new();
        let numbers: Vec<usize> =
            self.made_up.iter().flat_map(|m| m.likely.iter().copied().take(MOST_NUMBERS)).collect();
        likely(&decl.ty.kind, decl.range.as_ref(), &numbers, &mut all);
        let file = self.file_index(decl.span.file);
        let env = Env::new(Rc::new(Scope { file, ..Scope::default() }));
        all.retain(|value| {
            let mut env = env.clone();
            self.quietly(|s| s.in_range(&mut env, decl, value, decl.span)).is_some()
        });
        all
    }

    /// Whether the block's members accept what is made up in an attempt.
    pub(super) fn suits(&mut self, item: ItemRef, block: &BlockItem) -> bool {
        let known = self.templates.len();
        let template = self.quietly(|s| {
            let settings = s.settings(block)?;
            s.top_template(item, block, &settings)
        });
        let suits = template.flatten().is_some_and(|t| self.templates[t.0].whole);
        self.forget_templates(known);
        suits
    }
}

/// Sizes that are likely to suit a block: numbers that its requirements and `dims` speak of, with their multiples and
/// products, then common ones.
pub(super) fn likely_sizes(block: &BlockItem) -> Rc<[usize]> {
    let mut numbers = Vec::new();
    for member in &block.members {
        match member {
            Member::Require(r) => super::configurations::literals(&r.condition, &mut numbers),
            Member::Dims(d) => {
                d.dims.iter().for_each(|(_, e)| super::configurations::literals(e, &mut numbers));
            }
            _ => {}
        }
    }
    let whole = numbers.iter().filter_map(|n| match n {
        Scalar::Int(i) => usize::try_from(*i).ok(),
        Scalar::Float(_) => None,
    });
    let whole: Vec<usize> = whole.collect();
    let products = whole.iter().flat_map(|a| whole.iter().map(move |b| a.saturating_mul(*b)));
    let near = whole.iter().flat_map(|i| [1, 2, 3, 12].map(|n| i.saturating_mul(n)));
    let above = whole.iter().map(|i| i.saturating_add(1));
    let own = near.chain(above).chain(products).filter(|i| (1..=LONGEST_LIKELY).contains(i));
    let own: IndexSet<usize> = own.collect();
    own.into_iter().take(MOST_OWN).chain(SIZES).collect()
}

/// Values of a type, the likeliest first.
fn likely(ty: &ConfigTypeKind, range: Option<&Expr>, numbers: &[usize], out: &mut Vec<Val>) {
    match (ty, range.map(|r| &r.kind)) {
        (_, Some(ExprKind::Set(xs))) => {
            out.extend(xs.iter().filter_map(|x| match x.kind {
                ExprKind::Int(i) => Some(Val::int(i)),
                _ => None,
            }));
        }
        (ConfigTypeKind::Named(n), range) if n.name == "int" => {
            let low = match range {
                Some(ExprKind::Range(Some(low), _)) => match low.kind {
                    ExprKind::Int(i) => i,
                    _ => 2,
                },
                _ => 2,
            };
            let near = [low.max(2), low.max(2).saturating_add(1), low, 1, 4, 5, 6, 8, 12, 16, 32, 64];
            out.extend(near.into_iter().chain(numbers.iter().map(|n| *n as i64)).map(Val::int));
        }
        (ConfigTypeKind::Named(n), _) if n.name == "float" => {
            let float = |value| Val::Number(Number { value: Scalar::Float(value), origin: None });
            out.extend([0.5, 0.5, 1.0, 0.0, 2.0, 4.0].map(float));
        }
        (ConfigTypeKind::Named(n), _) if n.name == "bool" => {
            out.extend([true, true, false].map(Val::Bool));
        }
        (ConfigTypeKind::OneOf(words), _) => {
            let word = |w: &arch_grammar::ast::Ident| Val::Word(w.name.as_str().into());
            // The first stands twice: the first two attempts differ in numbers only.
            out.extend(words.first().into_iter().chain(words).map(word));
        }
        (ConfigTypeKind::Optional(inner), _) => {
            out.extend([Val::None, Val::None]);
            likely(&inner.kind, range, numbers, out);
        }
        _ => {}
    }
}
