//! What a pickle asks for by name.
//!
//! A pickle is a program for a small machine that can call any function of Python. `pytorch-reader` calls none,
//! but takes what it does not know for an opaque value, does not look inside it, and does not tell. A file that
//! asks for `os.system` is not what it seems; it is refused with the name, wherever in the pickle that stands.
//! So the instructions are walked through before the crate makes tensors of them.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};

/// What checkpoints need: tensors, plain containers and values, and the `args` of training scripts.
fn is_known(module: &str, name: &str) -> bool {
    let names: &[&str] = match module {
        "torch._utils" => {
            &["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_parameter_with_state"]
        }
        "torch._tensor" => &["_rebuild_from_type_v2"],
        "torch.nn.parameter" => &["Parameter", "Buffer"],
        "torch.storage" => &["TypedStorage", "_TypedStorage", "UntypedStorage", "_UntypedStorage"],
        "torch.serialization" => &["_get_layout"],
        "torch" => return is_known_to_torch(name),
        "collections" => &["OrderedDict", "defaultdict", "Counter"],
        "argparse" => &["Namespace"],
        "types" => &["SimpleNamespace"],
        // Newer versions of Python keep their paths in a module of its own.
        "pathlib" | "pathlib._local" => {
            &["Path", "PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"]
        }
        "_codecs" => &["encode"],
        "builtins" | "__builtin__" => &[
            "set",
            "frozenset",
            "dict",
            "list",
            "tuple",
            "int",
            "float",
            "complex",
            "bool",
            "str",
            "bytes",
            "bytearray",
            "slice",
            "range",
            "object",
        ],
        _ => &[],
    };
    names.contains(&name)
}

fn is_known_to_torch(name: &str) -> bool {
    const KINDS: [&str; 14] = [
        "bool", "bfloat16", "float16", "float32", "float64", "half", "float", "double", "int8", "int16",
        "int32", "int64", "uint8", "long",
    ];
    let plain = ["Size", "device", "Tensor", "contiguous_format"].contains(&name);
    plain
        || KINDS.contains(&name)
        || name.strip_suffix("Storage").is_some_and(|kind| kind.chars().all(char::is_alphanumeric))
}

/// The walk through a pickle, as far as names go.
#[derive(Default)]
struct Walk {
    /// The last two values if they are texts, the newest last: what an instruction that takes a name from the
    /// stack finds there.
    recent: [Option<String>; 2],
    /// Values that are kept under a number, if they are texts.
    memo: HashMap<u64, Option<String>>,
    /// Names that no checkpoint needs, in the order of their first appearance.
    unknown: Vec<String>,
}

/// Walks through one pickle to its end; gives the names in it that no checkpoint needs.
///
/// # Errors
/// If the input ends before the pickle does, or has an instruction that pickles do not have. Names that were
/// found before are lost then: what cannot be read is refused for that.
pub fn names<R: BufRead>(reader: &mut R) -> io::Result<Vec<String>> {
    let mut walk = Walk::default();
    while walk.instruction(reader)? {}
    Ok(walk.unknown)
}

impl Walk {
    /// Takes one instruction; whether there is another behind it.
    fn instruction<R: BufRead>(&mut self, r: &mut R) -> io::Result<bool> {
        let code = number(r, 1)? as u8;
        match code {
            b'.' => return Ok(false),
            // Texts, by how their length is written.
            b'V' => self.text(Some(line(r)?)),
            0x8c | b'U' => self.counted(r, 1)?,
            b'X' | b'T' => self.counted(r, 4)?,
            0x8d => self.counted(r, 8)?,
            // A value is kept, or one that was kept is taken.
            b'q' => self.keep(number(r, 1)?),
            b'r' => self.keep(number(r, 4)?),
            b'p' => self.keep(parsed(&line(r)?)?),
            0x94 => self.keep(self.memo.len() as u64),
            b'h' => self.take(number(r, 1)?),
            b'j' => self.take(number(r, 4)?),
            b'g' => self.take(parsed(&line(r)?)?),
            // Names, written out or taken from the stack.
            b'c' | b'i' => {
                let (module, name) = (line(r)?, line(r)?);
                self.asks(&module, &name);
            }
            0x93 => match std::mem::take(&mut self.recent) {
                [Some(module), Some(name)] => self.asks(&module, &name),
                _ => self.refuse("a name that is computed".into()),
            },
            0x82..=0x84 => {
                let id = number(r, 1 << (code - 0x82))?;
                self.refuse(format!("entry {id} of Python's extension registry"));
            }
            // The version, and how long a stretch is: no values.
            0x80 => pass(r, 1)?,
            0x95 => pass(r, 8)?,
            _ => {
                other(code, r)?;
                self.recent = [None, None];
            }
        }
        Ok(true)
    }

    fn counted<R: BufRead>(&mut self, r: &mut R, width: usize) -> io::Result<()> {
        let length = number(r, width)?;
        let mut bytes = Vec::new();
        r.take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.text(String::from_utf8(bytes).ok());
        Ok(())
    }

    fn text(&mut self, text: Option<String>) {
        self.recent.swap(0, 1);
        self.recent[1] = text;
    }

    fn keep(&mut self, at: u64) {
        self.memo.insert(at, self.recent[1].clone());
    }

    fn take(&mut self, at: u64) {
        let text = self.memo.get(&at).cloned().flatten();
        self.text(text);
    }

    fn asks(&mut self, module: &str, name: &str) {
        self.recent = [None, None];
        if !is_known(module, name) {
            self.refuse(format!("{module}.{name}"));
        }
    }

    fn refuse(&mut self, what: String) {
        if !self.unknown.contains(&what) {
            self.unknown.push(what);
        }
    }
}

/// Passes over what stands behind an instruction that has to do neither with texts nor with names.
fn other<R: BufRead>(code: u8, r: &mut R) -> io::Result<()> {
    match code {
        b'K' => pass(r, 1),
        b'M' => pass(r, 2),
        b'J' => pass(r, 4),
        b'G' => pass(r, 8),
        b'I' | b'L' | b'F' | b'P' | b'S' => line(r).map(drop),
        0x8a | b'C' => pass_counted(r, 1),
        0x8b | b'B' => pass_counted(r, 4),
        0x8e | 0x96 => pass_counted(r, 8),
        0x81 | 0x85..=0x89 | 0x8f..=0x92 | 0x97 | 0x98 => Ok(()),
        _ if b"(012NRbdltsa)]}euoQ".contains(&code) => Ok(()),
        _ => {
            let why = format!("it has an instruction 0x{code:02x}, which pickles do not have");
            Err(io::Error::new(io::ErrorKind::InvalidData, why))
        }
    }
}

/// A little-endian number of some bytes.
fn number<R: Read>(r: &mut R, bytes: usize) -> io::Result<u64> {
    let mut word = [0; 8];
    r.read_exact(&mut word[..bytes])?;
    Ok(u64::from_le_bytes(word))
}

fn parsed(text: &str) -> io::Result<u64> {
    let why = || io::Error::new(io::ErrorKind::InvalidData, format!("`{text}` is no number of a kept value"));
    text.trim().parse().map_err(|_| why())
}

fn pass<R: BufRead>(r: &mut R, bytes: u64) -> io::Result<()> {
    let passed = io::copy(&mut r.take(bytes), &mut io::sink())?;
    if passed == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn pass_counted<R: BufRead>(r: &mut R, width: usize) -> io::Result<()> {
    let length = number(r, width)?;
    pass(r, length)
}

/// Up to the end of the line, without it.
fn line<R: BufRead>(r: &mut R) -> io::Result<String> {
    let mut bytes = Vec::new();
    r.read_until(b'\n', &mut bytes)?;
    if bytes.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(mut pickle: &[u8]) -> Vec<String> {
        let unknown = names(&mut pickle).unwrap();
        assert!(pickle.is_empty(), "{pickle:?}");
        unknown
    }

    #[test]
    fn names_that_are_written_out() {
        assert_eq!(asked(b"cos\nsystem\n(S'true'\ntR."), ["os.system"]);
        assert_eq!(asked(b"(S'true'\nios\nsystem\n."), ["os.system"]);
        assert_eq!(asked(b"ccollections\nOrderedDict\n)R."), [""; 0]);
        // What is thrown away again, or stands in an object that nobody looks into, was asked for all the same.
        assert_eq!(asked(b"cos\nsystem\n0}."), ["os.system"]);
        assert_eq!(asked(b"cargparse\nNamespace\n)\x81}X\x01\x00\x00\x00acos\nsystem\nsb."), ["os.system"]);
    }

    #[test]
    fn names_from_the_stack() {
        assert_eq!(
            asked(b"\x80\x04\x95\x19\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94."),
            ["os.system"]
        );
        // The second time, module and name are taken from where they were kept.
        let again = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94h\x00h\x01\x93h\x01h\x00\x93.";
        assert_eq!(asked(again), ["os.system", "system.os"]);
        // What is put together otherwise is refused without a name.
        assert_eq!(asked(b"\x8c\x02os\x8c\x06system0\x8c\x06system\x93."), ["a name that is computed"]);
        assert_eq!(asked(b"\x82\x07."), ["entry 7 of Python's extension registry"]);
    }

    #[test]
    fn a_name_inside_a_text_is_a_text() {
        assert_eq!(asked(b"X\x0b\x00\x00\x00cos\nsystem\n."), [""; 0]);
        assert_eq!(asked(b"C\x0bcos\nsystem\n."), [""; 0]);
    }

    #[test]
    fn pickles_that_do_not_end() {
        let cuts = [
            &b""[..],
            b"cos\nsys",
            b"X\xff\xff\xff\xffab",
            b"B\xff\xff\xff\x7f",
            b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        ];
        for mut cut in cuts {
            assert_eq!(names(&mut cut).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
        let error = names(&mut &b"\xff"[..]).unwrap_err();
        assert!(error.to_string().contains("0xff"), "{error}");
    }
}
