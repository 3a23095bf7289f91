//! Blends of two values, and polynomials of one.

use super::super::lang::{Graph, Node, Op, number};
use super::super::terms::{Term, base};
use super::algebra::factors;
use super::exponentials::arguments;
use super::{Rule, is_multiple, multiples, near, nodes, with, without};
use crate::ops::Map;
use egg::Id;

/// Longer sums are not tried in pairs.
const LONGEST: usize = 8;

pub(super) const BLEND: Rule = Rule {
    name: "blend",
    algebra: "(1 - z) * a + z * b = a + z * (b - a)",
    guard: "the one weight is one less the other, or both are sigmoids whose arguments have opposite signs; at most 8 terms",
    find: blend,
};

fn blend(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Sum || node.operands.len() > LONGEST {
        return;
    }
    let forms: Vec<Vec<Vec<Id>>> = node.operands.iter().map(|id| factors(graph, *id)).collect();
    for (first, ones) in forms.iter().enumerate() {
        for (second, others) in forms.iter().enumerate().filter(|o| o.0 != first) {
            for (weight, a) in ones.iter().flat_map(|one| taken_apart(graph, one)) {
                for (z, b) in others.iter().flat_map(|other| taken_apart(graph, other)) {
                    if is_complement(graph, weight, z) {
                        let difference = Term::Node(Op::Sum, vec![Term::product(b), negative(a.clone())]);
                        let product = Term::Node(Op::Product, vec![Term::Class(z), difference]);
                        let rest = without(node, &[first, second]);
                        found.push(sum_of(rest, [Term::product(a.clone()), product]));
                    }
                }
            }
        }
    }
}

/// A product as a factor and the rest.
fn taken_apart<'a>(graph: &'a Graph, product: &'a [Id]) -> impl Iterator<Item = (Id, Vec<Id>)> + 'a {
    product.iter().enumerate().filter(|(_, id)| product.len() > 1 && number(graph, **id).is_none()).map(
        |(at, id)| {
            let rest = product.iter().enumerate().filter(|other| other.0 != at).map(|other| *other.1);
            (graph.find(*id), rest.collect())
        },
    )
}

fn negative(of: Vec<Id>) -> Term {
    with(Op::Product, of, Term::number(-1.0))
}

fn sum_of(kept: Vec<Id>, terms: [Term; 2]) -> Term {
    Term::Node(Op::Sum, kept.into_iter().map(Term::Class).chain(terms).collect())
}

/// Whether one class is one less another.
fn is_complement(graph: &Graph, one: Id, other: Id) -> bool {
    let is_difference = |sum: &Node| {
        let [a, b] = sum.operands.as_slice() else { return false };
        [(a, b), (b, a)].into_iter().any(|(constant, rest)| {
            let is_other = |m: &(f64, Id)| near(m.0, -1.0) && m.1 == graph.find(other);
            number(graph, *constant) == Some(1.0) && multiples(graph, *rest).iter().any(is_other)
        })
    };
    let are_sigmoids = || {
        arguments(graph, one, Map::Sigmoid)
            .any(|x| arguments(graph, other, Map::Sigmoid).any(|y| is_multiple(graph, x, -1.0, y)))
    };
    nodes(graph, one, |op| *op == Op::Sum).any(is_difference) || are_sigmoids()
}

pub(super) const UNBLEND: Rule = Rule {
    name: "blend taken apart",
    algebra: "a + z * (b - a) = (1 - z) * a + z * b; a + z * (a - b) = (1 + z) * a - z * b",
    guard: "in the second form, and where a is a number, z is a sigmoid; at most 8 terms",
    find: unblend,
};

fn unblend(graph: &Graph, node: &Node, found: &mut Vec<Term>) {
    if node.op != Op::Sum || node.operands.len() > LONGEST {
        return;
    }
    for (at, operand) in node.operands.iter().enumerate() {
        for (z, sum) in times_sums(graph, *operand) {
            // A number in front of the sum is shared out: what is left is the weight.
            let times: f64 = z.iter().filter_map(|id| number(graph, *id)).product();
            let weight = |sign: f64| with(Op::Product, z.clone(), Term::number(sign / times));
            let is_logistic = z.iter().any(|id| arguments(graph, *id, Map::Sigmoid).next().is_some());
            for (inner, term) in sum.operands.iter().enumerate() {
                for (whole, a) in node.operands.iter().enumerate().filter(|o| o.0 != at) {
                    let is_plain = is_logistic || number(graph, *a).is_none();
                    let signs = if is_logistic { &[-1.0, 1.0][..] } else { &[-1.0] };
                    let is_back = |sign: &&f64| is_plain && is_multiple(graph, *term, **sign / times, *a);
                    let Some(sign) = signs.iter().find(is_back) else { continue };
                    let rest = Term::Node(Op::Sum, vec![Term::number(1.0), weight(*sign)]);
                    let one = Term::Node(Op::Product, vec![Term::Class(*a), rest]);
                    let other = with(Op::Product, z.clone(), Term::sum(without(sum, &[inner])));
                    found.push(sum_of(without(node, &[at, whole]), [one, other]));
                }
            }
        }
    }
}

/// A class as products with a sum: the other factors, and that sum.
fn times_sums(graph: &Graph, id: Id) -> impl Iterator<Item = (Vec<Id>, &Node)> {
    nodes(graph, id, |op| *op == Op::Product).flat_map(move |product| {
        product.operands.iter().enumerate().flat_map(move |(place, factor)| {
            nodes(graph, *factor, |op| *op == Op::Sum).map(move |sum| (without(product, &[place]), sum))
        })
    })
}

pub(super) const POLYNOMIAL: Rule = Rule {
    name: "polynomial",
    algebra: "x ^ n * (k + l * x ^ m) = k * x ^ n + l * x ^ (n + m)",
    guard: "all terms are numbers times powers of x, which may be several factors",
    find: |graph, node, found| {
        if node.op != Op::Product {
            return;
        }
        for (at, operand) in node.operands.iter().enumerate() {
            let others: Vec<Id> = without(node, &[at]);
            let bases: Vec<Id> = others.iter().map(|id| base(graph, *id).0).collect();
            if bases.contains(&graph.find(*operand)) {
                continue;
            }
            for sum in nodes(graph, *operand, |op| *op == Op::Sum) {
                let terms: Option<Vec<Vec<Id>>> =
                    sum.operands.iter().map(|term| monomial(graph, *term, &bases)).collect();
                let Some(used) = terms.map(|terms| terms.concat()) else { continue };
                let (inside, outside): (Vec<Id>, Vec<Id>) =
                    others.iter().copied().partition(|id| used.contains(&base(graph, *id).0));
                if !inside.is_empty() {
                    let term = |id: &Id| Term::product(inside.iter().copied().chain([*id]));
                    let expanded = Term::Node(Op::Sum, sum.operands.iter().map(term).collect());
                    found.push(with(Op::Product, outside, expanded));
                }
            }
        }
    },
};

pub(super) const FACTOR_POWER: Rule = Rule {
    name: "factor a power",
    algebra: "x ^ n * a + x ^ (n + m) * b = x ^ n * (a + x ^ m * b)",
    guard: "x is a factor of all terms, by exponents of one sign that are not all the same; at most 8 terms",
    find: |graph, node, found| {
        if node.op != Op::Sum || node.operands.len() > LONGEST {
            return;
        }
        let forms: Vec<Vec<Vec<Id>>> = node.operands.iter().map(|id| factors(graph, *id)).collect();
        let mut bases: Vec<Id> = forms[0].iter().flatten().map(|id| base(graph, *id).0).collect();
        bases.sort_unstable();
        bases.dedup();
        for of in bases {
            let terms: Option<Vec<(i16, Vec<Id>)>> =
                forms.iter().map(|forms| forms.iter().find_map(|form| divided(graph, form, of))).collect();
            let Some(terms) = terms else { continue };
            let least = terms.iter().map(|t| t.0).min_by_key(|halves| halves.abs()).unwrap_or_default();
            let alike = terms.iter().all(|t| t.0.signum() == least.signum());
            if !alike || terms.iter().all(|t| t.0 == least) {
                continue;
            }
            let power = |halves: i16| Term::Node(Op::Power(halves), vec![Term::Class(of)]);
            let rest = |(halves, rest): (i16, Vec<Id>)| match halves == least {
                true => Term::product(rest),
                false => with(Op::Product, rest, power(halves - least)),
            };
            let sum = Term::Node(Op::Sum, terms.into_iter().map(rest).collect());
            found.push(Term::Node(Op::Product, vec![power(least), sum]));
        }
    },
};

/// The exponent of a base in a product, in halves, and the other factors.
fn divided(graph: &Graph, product: &[Id], of: Id) -> Option<(i16, Vec<Id>)> {
    let at = product.iter().position(|id| base(graph, *id).0 == of)?;
    let halves = base(graph, product[at]).1;
    let rest = product.iter().enumerate().filter(|other| other.0 != at).map(|other| *other.1);
    (number(graph, of).is_none()).then(|| (halves, rest.collect()))
}

/// Of which of some bases a class is a product of powers, beside numbers; of none, if it is a number.
fn monomial(graph: &Graph, id: Id, bases: &[Id]) -> Option<Vec<Id>> {
    if number(graph, id).is_some() {
        return Some(Vec::new());
    }
    factors(graph, id).into_iter().find_map(|product| {
        let letters = product.into_iter().filter(|factor| number(graph, *factor).is_none());
        let of: Vec<Id> = letters.map(|factor| base(graph, factor).0).collect();
        of.iter().all(|base| bases.contains(base)).then_some(of)
    })
}
