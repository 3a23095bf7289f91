//! From a flat row of operands and operators to a tree, by binding strength.

use crate::ast::{BinaryOp, Expr, ExprKind, Ident, UnaryOp};
use crate::span::Span;

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Infix {
    /// `repeat`.
    Repeat,
    /// `->`.
    Arrow,
    /// `++`.
    Join,
    /// `|>`.
    Pipe,
    /// Arithmetic, comparison, logic.
    Binary(BinaryOp),
}

/// What stands in the row.
#[derive(Debug)]
pub enum Piece {
    /// An operand, complete.
    Operand(Expr),
    /// `-` or `not`.
    Prefix(UnaryOp, Span),
    /// Between two operands.
    Infix(Infix),
    /// `..`, which may lack either side.
    Dots(Span),
}

const DOTS: u8 = 4;
const NOT: u8 = 8;
const NEG: u8 = 12;
const POW: u8 = 13;

fn strength(infix: Infix) -> u8 {
    use BinaryOp::{Add, And, Div, Eq, Ge, Gt, Le, Lt, Mul, Ne, Or, Pow, Rem, Sub};
    match infix {
        Infix::Repeat => 1,
        Infix::Arrow => 2,
        Infix::Join => 3,
        Infix::Pipe => 5,
        Infix::Binary(Or) => 6,
        Infix::Binary(And) => 7,
        Infix::Binary(Eq | Ne | Lt | Le | Gt | Ge) => 9,
        Infix::Binary(Add | Sub) => 10,
        Infix::Binary(Mul | Div | Rem) => 11,
        Infix::Binary(Pow) => POW,
    }
}

/// The tree of a row that the grammar accepted. `whole` is the place of the row.
pub fn climb(pieces: Vec<Piece>, whole: Span) -> Expr {
    let mut climber = Climber { pieces: pieces.into_iter().peekable(), whole };
    climber.at_least(0)
}

struct Climber {
    pieces: std::iter::Peekable<std::vec::IntoIter<Piece>>,
    whole: Span,
}

impl Climber {
    fn at_least(&mut self, minimum: u8) -> Expr {
        let mut left = self.operand();
        loop {
            match self.pieces.peek() {
                Some(&Piece::Infix(infix)) if strength(infix) >= minimum => {
                    self.pieces.next();
                    let right_to_left = infix == Infix::Binary(BinaryOp::Pow);
                    let right = self.at_least(strength(infix) + u8::from(!right_to_left));
                    left = combine(infix, left, right);
                }
                Some(&Piece::Dots(dots)) if DOTS >= minimum => {
                    self.pieces.next();
                    left = self.range(Some(left), dots);
                }
                _ => return left,
            }
        }
    }

    fn operand(&mut self) -> Expr {
        match self.pieces.next() {
            Some(Piece::Operand(expr)) => expr,
            Some(Piece::Prefix(op, span)) => {
                let value = self.at_least(if op == UnaryOp::Neg { NEG } else { NOT });
                Expr { span: span.to(value.span), kind: ExprKind::Unary(op, Box::new(value)) }
            }
            Some(Piece::Dots(dots)) => self.range(None, dots),
            Some(Piece::Infix(_)) | None => Expr { kind: ExprKind::Error, span: self.whole },
        }
    }

    fn range(&mut self, from: Option<Expr>, dots: Span) -> Expr {
        let to = match self.pieces.peek() {
            Some(Piece::Operand(_) | Piece::Prefix(..)) => Some(self.at_least(DOTS + 1)),
            _ => None,
        };
        let start = from.as_ref().map_or(dots, |e| e.span);
        let span = start.to(to.as_ref().map_or(dots, |e| e.span));
        let kind = match (from, to) {
            (Some(Expr { kind: ExprKind::Name(name), span }), None) => ExprKind::Spread(Ident { name, span }),
            (from, to) => ExprKind::Range(from.map(Box::new), to.map(Box::new)),
        };
        Expr { kind, span }
    }
}

fn combine(infix: Infix, left: Expr, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    let kind = match infix {
        Infix::Repeat => ExprKind::Repeat(Box::new(left), Box::new(right)),
        Infix::Arrow => ExprKind::Arrow(Box::new(left), Box::new(right)),
        Infix::Pipe => ExprKind::Pipe(Box::new(left), Box::new(right)),
        Infix::Binary(op) => ExprKind::Binary(op, Box::new(left), Box::new(right)),
        Infix::Join => match left.kind {
            ExprKind::Parts(mut parts) => {
                parts.push(right);
                ExprKind::Parts(parts)
            }
            _ => ExprKind::Parts(vec![left, right]),
        },
    };
    Expr { kind, span }
}

/// Where `NAME..` can only be a range without an end, it is one.
pub fn as_range(expr: Expr) -> Expr {
    match expr.kind {
        ExprKind::Spread(Ident { name, span }) => {
            let from = Expr { kind: ExprKind::Name(name), span };
            Expr { kind: ExprKind::Range(Some(Box::new(from)), None), span: expr.span }
        }
        kind => Expr { kind, span: expr.span },
    }
}
