//! Expressions in C, on scalars and on vectors.

use super::Printer;
use crate::ir::{Binary, Elem, Expr, Index, IndexVar, Local, Operand, Scalar, Type};
use crate::print::expression::{Expression, SHORT};
use crate::print::names::{self, Lane};
use crate::print::{called, operations};

impl Printer<'_> {
    pub(super) fn bind(&mut self, scalar: Scalar, expr: &Expr) {
        let ty = self.scalars[scalar.0 as usize];
        let varies = self.expr_varies(expr);
        if varies {
            self.varying.insert(scalar);
        } else {
            self.varying.remove(&scalar);
        }
        self.folded.remove(&scalar);
        match self.value(ty, expr, varies) {
            Value::Expression(value) if self.at_once.contains(&scalar) && value.text.len() <= SHORT => {
                self.folded.insert(scalar, value);
            }
            Value::Expression(value) => self.bind_to_name(scalar, &value.text),
            Value::Lanes(text) => {
                let (name, c_type) = (self.names.give(scalar), operations::c_type(ty, varies));
                let lines = [format!("{c_type} {name} = {{0}};"), format!("EACH_LANE {name}[l] = {text};")];
                lines.iter().for_each(|line| self.line(line));
            }
        }
    }

    fn bind_to_name(&mut self, scalar: Scalar, text: &str) {
        let c_type = operations::c_type(self.scalars[scalar.0 as usize], self.varying.contains(&scalar));
        let line = format!("const {c_type} {} = {text};", self.names.give(scalar));
        self.line(&line);
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
        let of = |operand: &Operand| self.operand(*operand, vector);
        let value = match expr {
            Expr::Load(arg, index) => return self.load(&format!("a{arg}"), ty, index, vector),
            Expr::Local(local, index) if self.vector_arrays.contains(local) => self.element(*local, index),
            Expr::Local(local, index) => return self.load(&self.names.local(*local), ty, index, vector),
            Expr::Acc(acc) => Expression::tight(called::acc(*acc)),
            Expr::Index(index) if vector => match self.lane_stride(index) {
                Some(step) => Expression::tight(format!("vindex({}, {step})", self.names.index(index, None))),
                None => return Value::Lanes(self.lane_index(index)),
            },
            Expr::Index(index) => Expression::before("(int32_t)", &self.names.place(index)),
            Expr::Unary(op, a) => operations::unary(*op, self.type_of(*a), &of(a), vector),
            Expr::Binary(op, a, b) => {
                // Vectors are shifted by a number, not by a vector.
                let by = matches!(op, Binary::Shl | Binary::Shr);
                let right = self.operand(*b, vector && !by);
                operations::binary(*op, self.type_of(*a), &of(a), &right, vector)
            }
            Expr::Select(m, a, b) => operations::select(ty, [&of(m), &of(a), &of(b)], vector),
            Expr::Math(function, inputs) => {
                let inputs: Vec<String> = inputs.iter().map(|input| of(input).text).collect();
                let prefix = if vector { "v" } else { "s" };
                Expression::tight(format!("{prefix}{}({})", names::math(*function), inputs.join(", ")))
            }
        };
        Value::Expression(value)
    }

    /// An element of an array that was declared among vectors.
    pub(super) fn element(&self, local: Local, index: &Index) -> Expression {
        Expression::tight(format!("{}[{}]", self.names.local(local), self.names.index(index, None)))
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
        let text = match (vector, self.lane_stride(index)) {
            (false, _) => format!("{from}[{}]", self.names.index(index, None)),
            (true, Some(1)) => format!("{p}load({})", self.address(from, index)),
            (true, _) => return Value::Lanes(format!("{from}[{}]", self.lane_index(index))),
        };
        Value::Expression(Expression::tight(text))
    }

    fn address(&self, of: &str, index: &Index) -> String {
        match self.names.index(index, None).as_str() {
            "0" => of.to_string(),
            index => format!("{of} + {index}"),
        }
    }

    pub(super) fn store(&mut self, to: &str, elem: Elem, index: &Index, value: Operand) {
        let vector = self.vector.is_some() && self.index_varies(index);
        let p = if elem == Elem::I32 { "vi" } else { "v" };
        match (vector, self.lane_stride(index)) {
            (false, _) => {
                let value = self.operand(value, false).text;
                self.line(&format!("{to}[{}] = {value};", self.names.index(index, None)));
            }
            (true, Some(1)) => {
                let value = self.operand(value, true).text;
                self.line(&format!("{p}store({}, {value});", self.address(to, index)));
            }
            (true, _) => {
                // Lanes are taken from what has a name.
                if let Operand::Scalar(scalar) = value
                    && let Some(folded) = self.folded.remove(&scalar)
                {
                    self.bind_to_name(scalar, &folded.text);
                }
                let lane = if self.is_varying(value) { "[l]" } else { "" };
                let (index, value) = (self.lane_index(index), self.plain(value).text);
                self.line(&format!("EACH_LANE {to}[{index}] = {value}{lane};"));
            }
        }
    }

    fn is_varying(&self, operand: Operand) -> bool {
        matches!(operand, Operand::Scalar(s) if self.varying.contains(&s))
    }

    /// An operand; where a vector is wanted, one that does not vary fills all lanes.
    pub(super) fn operand(&self, operand: Operand, vector: bool) -> Expression {
        let plain = self.plain(operand);
        if !vector || self.is_varying(operand) {
            return plain;
        }
        let fill = match self.type_of(operand) {
            Type::F32 => "vset",
            Type::I32 => "viset",
            Type::Mask => "vmset",
        };
        Expression::tight(format!("{fill}({})", plain.text))
    }

    /// A number, a name, or what has none.
    fn plain(&self, operand: Operand) -> Expression {
        match operand {
            Operand::Scalar(s) => {
                self.folded.get(&s).cloned().unwrap_or_else(|| Expression::tight(self.names.scalar(s)))
            }
            Operand::Float(bits) => Expression::number(names::float(bits)),
            Operand::Int(n) => Expression::number(names::integer(n)),
        }
    }
}

enum Value {
    Expression(Expression),
    /// One lane, `l`, at a time.
    Lanes(String),
}
