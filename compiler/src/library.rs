//! The standard library and the zoo, carried inside the program so that one file works anywhere.

/// The files of `std`: name and text. Whatever they define can be imported from `std`;
/// the functions of `functions.arch` are in scope everywhere.
pub const STD: &[(&str, &str)] = &[
    ("std/functions.arch", include_str!("../../models/std/functions.arch")),
    ("std/linear.arch", include_str!("../../models/std/linear.arch")),
    ("std/norm.arch", include_str!("../../models/std/norm.arch")),
    ("std/attention.arch", include_str!("../../models/std/attention.arch")),
    ("std/mlp.arch", include_str!("../../models/std/mlp.arch")),
    ("std/vit.arch", include_str!("../../models/std/vit.arch")),
    ("std/conv.arch", include_str!("../../models/std/conv.arch")),
    ("std/embedding.arch", include_str!("../../models/std/embedding.arch")),
    ("std/scan.arch", include_str!("../../models/std/scan.arch")),
    ("std/orders.arch", include_str!("../../models/std/orders.arch")),
    ("std/ssm.arch", include_str!("../../models/std/ssm.arch")),
    ("std/losses.arch", include_str!("../../models/std/losses.arch")),
];

/// The file whose functions are in scope everywhere.
pub const PRELUDE: &str = "std/functions.arch";

/// The models that `zoo.NAME` names: name and text.
pub const ZOO: &[(&str, &str)] = &[
    ("dit", include_str!("../../models/dit.arch")),
    ("mamba", include_str!("../../models/mamba.arch")),
    ("sit", include_str!("../../models/sit.arch")),
    ("uvit", include_str!("../../models/uvit.arch")),
    ("vim", include_str!("../../models/vim.arch")),
    ("dis", include_str!("../../models/dis.arch")),
    ("zigma", include_str!("../../models/zigma.arch")),
    ("diffussm", include_str!("../../models/diffussm.arch")),
    ("unet", include_str!("../../models/unet.arch")),
];
