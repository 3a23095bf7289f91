//! Expressions in C, on scalars and on vectors.

use super::Printer;
use crate::ir::{Binary, Elem, Expr, Index, IndexVar, Operand, Scalar, Type};
use crate::print::names::{self, Lane};
use crate::print::operations;

impl Printer<'_> {
    pub(super) fn bind(&mut self, scalar: Scalar, expr: &Expr) {
        let ty = self.scalars[scalar.0 as usize];
        let varies = self.expr_varies(expr);
        if varies {
            self.varying.insert(scalar);
        } else {
            self.varying.remove(&scalar);
        }
        let name = names::scalar(scalar);
        let c_type = operations::c_type(ty, varies);
        match self.value(ty, expr, varies) {
            Value::Expression(text) => self.line(&format!("const {c_type} {name} = {text};")),
            Value::Lanes(text) => {
                self.line(&format!("{c_type} {name} = {{0}};"));
                self.line(&format!("EACH_LANE {name}[l] = {text};"));
            }
        }
    }

    fn expr_varies(&self, expr: &Expr) -> bool {
        if self.vector.is_none() {
            return false;
        }
        let of = |o: &Operand| matches!(o, Operand::Scalar(s) if self.varying.contains(s));
        match expr {
            Expr::Load(_, index) | Expr::Index(index) => self.index_varies(index),
            Expr::Local(local, index) => self.vector_arrays.contains(local) || self.index_varies(index),
            Expr::Acc(acc) => self.vector_accs.contains(acc),
            Expr::Unary(_, a) => of(a),
            Expr::Binary(_, a, b) => of(a) || of(b),
            Expr::Select(a, b, c) => of(a) || of(b) || of(c),
            Expr::Math(_, inputs) => inputs.iter().any(of),
        }
    }

    fn index_varies(&self, index: &Index) -> bool {
        let Some(var) = self.vector else { return false };
        let moves = index.mentions(var) && index.lane_stride(var, self.lanes) != Some(0);
        moves || index.data().iter().any(|s| self.varying.contains(s))
    }

    /// From one lane to the next, how far an index moves; `None` if not evenly.
    fn lane_stride(&self, index: &Index) -> Option<i64> {
        if index.data().iter().any(|s| self.varying.contains(s)) {
            return None;
        }
        index.lane_stride(self.vector?, self.lanes)
    }

    fn lane_index(&self, index: &Index) -> String {
        let varies = |s: Scalar| self.varying.contains(&s);
        let var = self.vector.unwrap_or(IndexVar(u32::MAX));
        self.names.index(index, Some(&Lane { var, varies: &varies }))
    }

    fn value(&self, ty: Type, expr: &Expr, vector: bool) -> Value {
        let text = match expr {
            Expr::Load(arg, index) => return self.load(&format!("a{arg}"), ty, index, vector),
            Expr::Local(local, index) if self.vector_arrays.contains(local) => {
                format!("m{}[{}]", local.0, self.names.index(index, None))
            }
            Expr::Local(local, index) => return self.load(&format!("m{}", local.0), ty, index, vector),
            Expr::Acc(acc) => format!("r{}", acc.0),
            Expr::Index(index) if vector => match self.lane_stride(index) {
                Some(step) => format!("vindex({}, {step})", self.names.index(index, None)),
                None => return Value::Lanes(self.lane_index(index)),
            },
            Expr::Index(index) => format!("(int32_t)({})", self.names.index(index, None)),
            Expr::Unary(op, a) => operations::unary(*op, self.type_of(*a), &self.operand(*a, vector), vector),
            Expr::Binary(op, a, b) => {
                // Vectors are shifted by a number, not by a vector.
                let by = matches!(op, Binary::Shl | Binary::Shr);
                let right = self.operand(*b, vector && !by);
                operations::binary(*op, self.type_of(*a), &self.operand(*a, vector), &right, vector)
            }
            Expr::Select(m, a, b) => operations::select(
                ty,
                &self.operand(*m, vector),
                &self.operand(*a, vector),
                &self.operand(*b, vector),
                vector,
            ),
            Expr::Math(function, inputs) => {
                let inputs: Vec<String> = inputs.iter().map(|i| self.operand(*i, vector)).collect();
                let prefix = if vector { "v" } else { "s" };
                format!("{prefix}{}({})", names::math(*function), inputs.join(", "))
            }
        };
        Value::Expression(text)
    }

    fn type_of(&self, operand: Operand) -> Type {
        match operand {
            Operand::Scalar(s) => self.scalars[s.0 as usize],
            Operand::Float(_) => Type::F32,
            Operand::Int(_) => Type::I32,
        }
    }

    fn load(&self, from: &str, ty: Type, index: &Index, vector: bool) -> Value {
        let p = if ty == Type::I32 { "vi" } else { "v" };
        match (vector, self.lane_stride(index)) {
            (false, _) => Value::Expression(format!("{from}[{}]", self.names.index(index, None))),
            (true, Some(1)) => {
                Value::Expression(format!("{p}load({from} + {})", self.names.index(index, None)))
            }
            (true, _) => Value::Lanes(format!("{from}[{}]", self.lane_index(index))),
        }
    }

    pub(super) fn store(&mut self, to: &str, elem: Elem, index: &Index, value: Operand) {
        let vector = self.vector.is_some() && self.index_varies(index);
        let p = if elem == Elem::I32 { "vi" } else { "v" };
        match (vector, self.lane_stride(index)) {
            (false, _) => {
                let value = self.operand(value, false);
                self.line(&format!("{to}[{}] = {value};", self.names.index(index, None)));
            }
            (true, Some(1)) => {
                let value = self.operand(value, true);
                self.line(&format!("{p}store({to} + {}, {value});", self.names.index(index, None)));
            }
            (true, _) => {
                let varies = matches!(value, Operand::Scalar(s) if self.varying.contains(&s));
                let value = names::number(value) + if varies { "[l]" } else { "" };
                let index = self.lane_index(index);
                self.line(&format!("EACH_LANE {to}[{index}] = {value};"));
            }
        }
    }

    /// An operand; where a vector is wanted, one that does not vary fills all lanes.
    pub(super) fn operand(&self, operand: Operand, vector: bool) -> String {
        let varies = matches!(operand, Operand::Scalar(s) if self.varying.contains(&s));
        let text = names::number(operand);
        if !vector || varies {
            return text;
        }
        match self.type_of(operand) {
            Type::F32 => format!("vset({text})"),
            Type::I32 => format!("viset({text})"),
            Type::Mask => format!("vmset({text})"),
        }
    }
}

enum Value {
    Expression(String),
    /// One lane, `l`, at a time.
    Lanes(String),
}
