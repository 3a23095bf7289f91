//! Trees without their places, to compare what was written with how it was written left aside.

use crate::ast::*;
use crate::span::Span;

/// The tree with every span set to its default, so that two texts that mean the same compare equal.
#[must_use]
pub fn without_spans(mut file: File) -> File {
    file.forget();
    file
}

/// Sets every span inside to its default.
trait Forget {
    fn forget(&mut self);
}

impl Forget for Span {
    fn forget(&mut self) {
        *self = Span::default();
    }
}

impl<T: Forget> Forget for Vec<T> {
    fn forget(&mut self) {
        self.iter_mut().for_each(Forget::forget);
    }
}

impl<T: Forget> Forget for Option<T> {
    fn forget(&mut self) {
        self.iter_mut().for_each(Forget::forget);
    }
}

impl<T: Forget> Forget for Box<T> {
    fn forget(&mut self) {
        (**self).forget();
    }
}

impl<A: Forget, B: Forget> Forget for (A, B) {
    fn forget(&mut self) {
        self.0.forget();
        self.1.forget();
    }
}

/// Names the fields of a struct that hold spans.
macro_rules! forget_fields {
    ($($name:ident { $($field:ident),* })*) => {
        $(impl Forget for $name {
            fn forget(&mut self) {
                $(self.$field.forget();)*
            }
        })*
    };
}

forget_fields! {
    Ident { span }
    StrLit { span }
    File { edition, imports, items, lost }
    Edition { span }
    Import { path_span, names, span }
    FnItem { name, params, results, body, span }
    Param { name, kind, default, null, condition, attributes, span }
    Shape { axes, dtype, span }
    ResultDecl { name, shape }
    Body { statements, tail, span }
    BlockItem { name, axes, members, variant, span }
    Variant { base, values }
    AxisParam { name, tied, span }
    Attribute { name, args, span }
    ConfigDecl { name, ty, range, default, attributes, span }
    ConfigType { kind, span }
    PresetDecl { name, values, span }
    RequireDecl { condition, message, span }
    DimsDecl { dims, span }
    LetDecl { name, value, span }
    ParamDecl { name, shape, init, attributes, span }
    LayerDecl { name, value, attributes, span }
    MemberIf { condition, then, otherwise, span }
    LostMember { names, span }
    Forward { params, results, body, signature, span }
    Stmt { kind, span }
    Expr { kind, span }
    Arg { name, value }
    Scan { position, axis, carries, body, header }
    Carry { name, shape, init, span }
    TestItem { name, with, of, preset, sets, deny, body, span }
}

impl Forget for Item {
    fn forget(&mut self) {
        match self {
            Item::Fn(item) => item.forget(),
            Item::Block(item) => item.forget(),
            Item::Test(item) => item.forget(),
        }
    }
}

impl Forget for ParamKind {
    fn forget(&mut self) {
        match self {
            ParamKind::Any => {}
            ParamKind::Tensor(shape) => shape.forget(),
            ParamKind::Axis(name) | ParamKind::Value(name) => name.forget(),
        }
    }
}

impl Forget for ConfigTypeKind {
    fn forget(&mut self) {
        match self {
            ConfigTypeKind::Named(name) => name.forget(),
            ConfigTypeKind::OneOf(names) => names.forget(),
            ConfigTypeKind::Optional(inner) | ConfigTypeKind::List(inner) => inner.forget(),
        }
    }
}

impl Forget for Member {
    fn forget(&mut self) {
        match self {
            Member::Config(member) => member.forget(),
            Member::Preset(member) => member.forget(),
            Member::Require(member) => member.forget(),
            Member::Dims(member) => member.forget(),
            Member::Let(member) => member.forget(),
            Member::Param(member) | Member::Buffer(member) => member.forget(),
            Member::Layer(member) => member.forget(),
            Member::If(member) => member.forget(),
            Member::Forward(member) => member.forget(),
            Member::Lost(member) => member.forget(),
        }
    }
}

impl Forget for StmtKind {
    fn forget(&mut self) {
        match self {
            StmtKind::Let { pattern, shape, value } => {
                pattern.forget();
                shape.forget();
                value.forget();
            }
            StmtKind::Update { name, value } => {
                name.forget();
                value.forget();
            }
            StmtKind::For { pattern, iter, collect, body } => {
                pattern.forget();
                iter.forget();
                collect.forget();
                body.forget();
            }
            StmtKind::Dims(dims) => dims.forget(),
            StmtKind::Yield(value)
            | StmtKind::Final(value)
            | StmtKind::Assert(value)
            | StmtKind::Expr(value) => {
                value.forget();
            }
        }
    }
}

impl Forget for Pattern {
    fn forget(&mut self) {
        match self {
            Pattern::Name(name) => name.forget(),
            Pattern::Tuple(parts, span) => {
                parts.forget();
                span.forget();
            }
        }
    }
}

impl Forget for IndexEntry {
    fn forget(&mut self) {
        match self {
            IndexEntry::At { at, otherwise } => {
                at.forget();
                otherwise.forget();
            }
            IndexEntry::Axis { axis, at, to } => {
                axis.forget();
                at.forget();
                to.forget();
            }
        }
    }
}

impl Forget for ExprKind {
    fn forget(&mut self) {
        match self {
            ExprKind::Int(_) | ExprKind::Float { .. } | ExprKind::Bool(_) | ExprKind::None => {}
            ExprKind::Str(_) | ExprKind::Name(_) | ExprKind::Error => {}
            ExprKind::Unary(_, value) | ExprKind::Paren(value) => value.forget(),
            ExprKind::Binary(_, left, right)
            | ExprKind::Pipe(left, right)
            | ExprKind::Arrow(left, right)
            | ExprKind::Repeat(left, right) => {
                left.forget();
                right.forget();
            }
            ExprKind::Call(callee, args) => {
                callee.forget();
                args.forget();
            }
            ExprKind::Index(base, entries) => {
                base.forget();
                entries.forget();
            }
            ExprKind::Tuple(all) | ExprKind::List(all) | ExprKind::Set(all) | ExprKind::Parts(all) => {
                all.forget()
            }
            ExprKind::ListFor { body, name, iter } => {
                body.forget();
                name.forget();
                iter.forget();
            }
            ExprKind::Range(from, to) => {
                from.forget();
                to.forget();
            }
            ExprKind::Spread(name) => name.forget(),
            ExprKind::If { condition, then, otherwise } => {
                condition.forget();
                then.forget();
                otherwise.forget();
            }
            ExprKind::Scan(scan) => scan.forget(),
        }
    }
}
