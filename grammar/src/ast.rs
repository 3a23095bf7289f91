//! The syntax tree of a `.arch` file. Every node keeps its span.
//!
//! The tree says what was written, not what it means: whether `D` is an axis, a number or a tensor is the
//! checker's business. What belongs to one syntactic family is one enum here, so that a match shows at a
//! glance whether something was forgotten.

use crate::span::Span;

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ident {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// A `///` comment: its lines without the slashes, joined by newlines. Empty if there is none.
pub type Docs = String;

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// The `///` comment at the top.
    pub docs: Docs,
    /// `edition 2026`.
    pub edition: Option<Edition>,
    /// The imports, in order.
    pub imports: Vec<Import>,
    /// The items, in order.
    pub items: Vec<Item>,
    /// The names of imports and items that did not parse: what they stand for is not known.
    pub lost: Vec<Ident>,
    /// Whether an import did not parse, so that names may be missing.
    pub import_lost: bool,
}

/// `edition 2026`.
#[derive(Clone, Debug, PartialEq)]
pub struct Edition {
    /// The year.
    pub year: i64,
    /// The whole line.
    pub span: Span,
}

/// `import std.{linear, layer_norm}` or `import ./blocks.{MyBlock as Other}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// `std`, `zoo.dit`, or a relative path `./blocks`, `../parts/blocks` (without `.arch`).
    pub path: String,
    /// Where the path stands.
    pub path_span: Span,
    /// What is imported, and under which other name.
    pub names: Vec<(Ident, Option<Ident>)>,
    /// The whole import.
    pub span: Span,
}

/// What stands at the top level of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `fn`.
    Fn(FnItem),
    /// `block` or `model`.
    Block(BlockItem),
    /// `test`.
    Test(TestItem),
}

/// `fn modulate(x, shift, scale) = x * (1 + scale) + shift`, or with a body in braces.
#[derive(Clone, Debug, PartialEq)]
pub struct FnItem {
    /// Its documentation.
    pub docs: Docs,
    /// Its name.
    pub name: Ident,
    /// Its parameters.
    pub params: Vec<Param>,
    /// The declared result, if any. A function has at most one (unnamed) entry.
    pub results: Vec<ResultDecl>,
    /// The body.
    pub body: Body,
    /// The whole item.
    pub span: Span,
}

/// One parameter of a `fn` or of `forward`.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Ident,
    /// What may be given.
    pub kind: ParamKind,
    /// `= value`.
    pub default: Option<Expr>,
    /// `null num_classes`: the label that stands for no label.
    pub null: Option<Expr>,
    /// `if num_classes > 0`: the input exists only then.
    pub condition: Option<Expr>,
    /// `@noisy`, `@timestep`, `@label`, `@context`.
    pub attributes: Vec<Attribute>,
    /// The whole parameter.
    pub span: Span,
}

/// What a parameter takes.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamKind {
    /// No annotation: anything.
    Any,
    /// `x: [T, D] bf16`.
    Tensor(Shape),
    /// `along: axis T`: an axis, known in the body (and in the signature's shapes) as `T`.
    Axis(Ident),
    /// `act: fn`, `n: int`, `p: float`, `flag: bool`: a compile-time value of that type.
    Value(Ident),
}

/// `[T, D]`, `[6, D] bf16`, `[] int`, `[O.., I..]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The entries: a name, a number, a size expression, or [`ExprKind::Spread`] for an axis list.
    pub axes: Vec<Expr>,
    /// The element type, if written.
    pub dtype: Option<Ident>,
    /// The whole shape.
    pub span: Span,
}

/// One result of a `forward` or `fn`: `-> [O, H, W]` (no name) or `-> (out: [O, H, W], features: [T, D])`.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultDecl {
    /// Its name, if results are named.
    pub name: Option<Ident>,
    /// Its shape.
    pub shape: Shape,
}

/// Statements and an optional last expression.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// The statements, in order.
    pub statements: Vec<Stmt>,
    /// The value of the body.
    pub tail: Option<Box<Expr>>,
    /// The whole body; for `fn f(x) = e` the expression.
    pub span: Span,
    /// Whether it stands in braces (`false` only for `fn f(x) = e`).
    pub braces: bool,
}

/// Whether an item is a block or a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// A part.
    Block,
    /// What `train` and `sample` take.
    Model,
}

/// `block NAME(AXES) { … }` or `model NAME { … }`, or a variant: `model NAME = OTHER(depth: 6)`.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockItem {
    /// Its documentation.
    pub docs: Docs,
    /// Block or model.
    pub kind: BlockKind,
    /// Its name.
    pub name: Ident,
    /// `(D = d_model, I.. -> O..)`.
    pub axes: Vec<AxisParam>,
    /// What stands in it, in order. A variant's are those of the item that it is a variant of.
    pub members: Vec<Member>,
    /// `= DiT(conditioning: adaln)` instead of a body.
    pub variant: Option<Variant>,
    /// The whole item.
    pub span: Span,
}

/// What a variant says: another item, with other defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The item that it is a variant of.
    pub base: Ident,
    /// Config values that take the place of defaults.
    pub values: Vec<(Ident, Expr)>,
}

/// An axis parameter of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisParam {
    /// Its name.
    pub name: Ident,
    /// `I..`: any number of axes.
    pub list: bool,
    /// `D = d_model`: the config value that gives its size where the block stands alone.
    pub tied: Option<Expr>,
    /// Whether `->` stands before this parameter instead of a comma: `I.. -> O..`.
    pub after_arrow: bool,
    /// The whole parameter.
    pub span: Span,
}

/// `@name("adaLN_modulation.1")`, `@f32`, `@stored([1, T, D])`.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub name: Ident,
    /// Its arguments.
    pub args: Vec<Arg>,
    /// The whole attribute.
    pub span: Span,
}

/// What stands in a block.
#[derive(Clone, Debug, PartialEq)]
pub enum Member {
    /// `config depth: int in 1.. = 12 @preset_suffix`.
    Config(ConfigDecl),
    /// `preset S { depth: 12, hidden_size: 384 }`.
    Preset(PresetDecl),
    /// `require D % heads == 0, "…"`.
    Require(RequireDecl),
    /// `dims D = hidden_size, T = GH * GW`.
    Dims(DimsDecl),
    /// `let heads = hidden_size / 64`.
    Let(LetDecl),
    /// `param A_log: [E, N] = log(1 + iota(N)) @f32 @no_decay`.
    Param(ParamDecl),
    /// `buffer pos_embed: [T, D] = …`.
    Buffer(ParamDecl),
    /// `attn = attention(D, num_heads: heads) @name("…")`.
    Layer(LayerDecl),
    /// `if cond { members } else { members }`.
    If(MemberIf),
    /// `forward(x: [T, D]) -> [T, D] { … }`.
    Forward(Forward),
    /// Something that did not parse.
    Lost(LostMember),
}

/// What is known of a member that did not parse.
#[derive(Clone, Debug, PartialEq)]
pub struct LostMember {
    /// Names that it may declare.
    pub names: Vec<Ident>,
    /// Whether sizes may depend on it: a config, `dims`, `require` or `if`.
    pub decides: bool,
    /// All of it.
    pub span: Span,
}

/// A config value.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigDecl {
    /// Its documentation.
    pub docs: Docs,
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub ty: ConfigType,
    /// `in 1..` or `in {1, 2, 4}`: a [`ExprKind::Range`] or [`ExprKind::Set`].
    pub range: Option<Expr>,
    /// `= 4`.
    pub default: Option<Expr>,
    /// `@preset_suffix`.
    pub attributes: Vec<Attribute>,
    /// The whole declaration.
    pub span: Span,
}

/// The type of a config value.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigType {
    /// Which.
    pub kind: ConfigTypeKind,
    /// Where.
    pub span: Span,
}

/// The types of config values.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigTypeKind {
    /// `bool`, `int`, `float`, `string`, `init`, `fn`.
    Named(Ident),
    /// `one of { causal, bidirectional }`.
    OneOf(Vec<Ident>),
    /// `int?`: may be `none`.
    Optional(Box<ConfigType>),
    /// `[int]`.
    List(Box<ConfigType>),
}

/// `preset S { depth: 12, hidden_size: 384 }`.
#[derive(Clone, Debug, PartialEq)]
pub struct PresetDecl {
    /// Its documentation.
    pub docs: Docs,
    /// Its name.
    pub name: Ident,
    /// What it sets.
    pub values: Vec<(Ident, Expr)>,
    /// The whole declaration.
    pub span: Span,
}

/// `require cond, "message with {values}"`.
#[derive(Clone, Debug, PartialEq)]
pub struct RequireDecl {
    /// What must hold.
    pub condition: Expr,
    /// What to say otherwise.
    pub message: Option<StrLit>,
    /// The whole declaration.
    pub span: Span,
}

/// A string and where it stands (with its quotes).
#[derive(Clone, Debug, PartialEq)]
pub struct StrLit {
    /// The text with escapes resolved.
    pub value: String,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// `let heads = hidden_size / 64` among the members of a block: a value known when the block is checked.
#[derive(Clone, Debug, PartialEq)]
pub struct LetDecl {
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub value: Expr,
    /// The whole declaration.
    pub span: Span,
}

/// `dims D = hidden_size, T = GH * GW`; a bare `dims T` declares nothing and is a syntax error.
#[derive(Clone, Debug, PartialEq)]
pub struct DimsDecl {
    /// Each axis and its size.
    pub dims: Vec<(Ident, Expr)>,
    /// The whole declaration.
    pub span: Span,
}

/// A parameter or buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamDecl {
    /// Its documentation.
    pub docs: Docs,
    /// Its name.
    pub name: Ident,
    /// Its shape.
    pub shape: Shape,
    /// Its initial value.
    pub init: Option<Expr>,
    /// `@f32 @no_decay @name("D") @stored([1, T, D])`.
    pub attributes: Vec<Attribute>,
    /// The whole declaration.
    pub span: Span,
}

/// A named layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerDecl {
    /// Its documentation.
    pub docs: Docs,
    /// Its name.
    pub name: Ident,
    /// A call, [`ExprKind::Repeat`], [`ExprKind::ListFor`], [`ExprKind::List`] or [`ExprKind::If`].
    pub value: Expr,
    /// `@name("…") @stored(weight: …)`.
    pub attributes: Vec<Attribute>,
    /// The whole declaration.
    pub span: Span,
}

/// A compile-time choice between members.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberIf {
    /// The condition.
    pub condition: Expr,
    /// The members if it holds.
    pub then: Vec<Member>,
    /// The members if it does not; `else if` nests here.
    pub otherwise: Vec<Member>,
    /// The whole member.
    pub span: Span,
}

/// What happens in a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Forward {
    /// Its documentation.
    pub docs: Docs,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Its results: none declared, one without a name, or several with names.
    pub results: Vec<ResultDecl>,
    /// Its body.
    pub body: Body,
    /// The word `forward` and the signature, without the body.
    pub signature: Span,
    /// The whole member.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    /// Which.
    pub kind: StmtKind,
    /// Where.
    pub span: Span,
}

/// The statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    /// `let x: [T, D] = …` or `let (a, b) = …`.
    Let {
        /// What is bound.
        pattern: Pattern,
        /// The asserted shape.
        shape: Option<Shape>,
        /// The value.
        value: Expr,
    },
    /// `x <- block(x, c)`.
    Update {
        /// What is updated.
        name: Ident,
        /// The new value.
        value: Expr,
    },
    /// `for (layer, skip) in zip(blocks, skips) collect out { … }`.
    For {
        /// What is bound each time.
        pattern: Pattern,
        /// What is gone through.
        iter: Expr,
        /// The list that `<-` appends to.
        collect: Option<Ident>,
        /// What is done.
        body: Body,
    },
    /// `dims S = 1 ++ T`.
    Dims(DimsDecl),
    /// `yield e` in a scan.
    Yield(Expr),
    /// `final e` in a scan.
    Final(Expr),
    /// `assert e` in a test.
    Assert(Expr),
    /// An expression that is not the last one (reported by the checker: its value is lost).
    Expr(Expr),
}

/// What a `let` or `for` binds.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// One name; `_` drops the value.
    Name(Ident),
    /// `(a, b, c)`, may nest.
    Tuple(Vec<Pattern>, Span),
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Which.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// The expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `12`, `2_659_968`.
    Int(i64),
    /// `1e-6`, `4.0`. `text` is as written, for the formatter.
    Float {
        /// The value.
        value: f64,
        /// As written.
        text: String,
    },
    /// `true`, `false`.
    Bool(bool),
    /// `none`.
    None,
    /// `"…"`.
    Str(String),
    /// `x`, `D`.
    Name(String),
    /// `-x`, `not x`.
    Unary(UnaryOp, Box<Expr>),
    /// `a * b`.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `x |> f(k: 2)`: the right side is a name, a call or `?.`-free callee expression.
    Pipe(Box<Expr>, Box<Expr>),
    /// `f(x, over: T)`.
    Call(Box<Expr>, Vec<Arg>),
    /// `x[t]`, `x[S: 2.. -> T]`, `in_blocks[0]`.
    Index(Box<Expr>, Vec<IndexEntry>),
    /// `(a, b)`; one expression in parentheses is [`ExprKind::Paren`].
    Tuple(Vec<Expr>),
    /// `(e)`, kept so that formatting changes nothing that was meant.
    Paren(Box<Expr>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `[Block(D, order: i % 8) for i in 0..depth]`.
    ListFor {
        /// One entry.
        body: Box<Expr>,
        /// The counter.
        name: Ident,
        /// What it runs through.
        iter: Box<Expr>,
    },
    /// `{1, 2, 4}` after `in`.
    Set(Vec<Expr>),
    /// `a..b`, `a..`, `..b`; the end is not included, except after `in`, where both ends are allowed values.
    Range(Option<Box<Expr>>, Option<Box<Expr>>),
    /// `D -> (6, D)`.
    Arrow(Box<Expr>, Box<Expr>),
    /// `R ++ N ++ N`, flat.
    Parts(Vec<Expr>),
    /// `I..`: an axis list.
    Spread(Ident),
    /// `DiTBlock(D) repeat depth`.
    Repeat(Box<Expr>, Box<Expr>),
    /// `if c { a } else { b }`.
    If {
        /// The condition.
        condition: Box<Expr>,
        /// Its value if it holds.
        then: Body,
        /// Its value if not. `else if` is a body whose tail is an `If`.
        otherwise: Option<Body>,
    },
    /// `scan t over T (h: [E, N] = 0) { … }`.
    Scan(Box<Scan>),
    /// Something that did not parse; an error was reported. Whoever meets it says nothing more.
    Error,
}

/// `-` and `not`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-x`.
    Neg,
    /// `not x`.
    Not,
}

/// Binary operators, tightest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Pow,
}

impl BinaryOp {
    /// As written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Rem => "%",
            BinaryOp::Pow => "^",
        }
    }
}

/// An argument: `x` or `over: K`.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// Its name, if written.
    pub name: Option<Ident>,
    /// Its value.
    pub value: Expr,
}

/// What stands in square brackets behind an expression, separated by commas.
#[derive(Clone, Debug, PartialEq)]
pub enum IndexEntry {
    /// `u[t]`, `u[t - 1]`, `layers[0]`: a position or a number. `otherwise` is `else 0`.
    At {
        /// The position.
        at: Expr,
        /// `else 0`: the value beyond the edge.
        otherwise: Option<Expr>,
    },
    /// `x[T: 0]`, `table[CLASSES: y]`, `x[S: 2.. -> T]`.
    Axis {
        /// The axis.
        axis: Ident,
        /// A position, an integer tensor or a [`ExprKind::Range`].
        at: Expr,
        /// The axis that comes out of a slice.
        to: Option<Ident>,
    },
}

/// `scan t over reverse T (h: [E, N] = 0) { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// The position.
    pub position: Ident,
    /// The axis.
    pub axis: Ident,
    /// From the last position to the first.
    pub reverse: bool,
    /// The carries.
    pub carries: Vec<Carry>,
    /// One step: `let`s, `<-` for the carries, `yield`, `final`.
    pub body: Body,
    /// `scan t over T (…)` without the body.
    pub header: Span,
}

/// `h: [E, N] = 0`.
#[derive(Clone, Debug, PartialEq)]
pub struct Carry {
    /// Its name.
    pub name: Ident,
    /// Its shape.
    pub shape: Shape,
    /// Its initial value.
    pub init: Expr,
    /// The whole carry.
    pub span: Span,
}

/// `test "name" with (D: 16, T: 4) { … }` or `test "name" of DiT preset S/2 deny(unused) { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct TestItem {
    /// Its documentation.
    pub docs: Docs,
    /// Its name.
    pub name: StrLit,
    /// Sizes that the body may use as axes.
    pub with: Vec<(Ident, Expr)>,
    /// The item under test, if the body says things about one.
    pub of: Option<Ident>,
    /// `preset S/2`: the text of the preset.
    pub preset: Option<Ident>,
    /// `set(depth: 2)`.
    pub sets: Vec<(Ident, Expr)>,
    /// `deny(unused)`.
    pub deny: Vec<Ident>,
    /// What must hold.
    pub body: Body,
    /// The whole item.
    pub span: Span,
}
