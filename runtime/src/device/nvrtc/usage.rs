//! What a compiled kernel takes of a GPU, as ptxas reports it.

/// Registers and memory of a compiled kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of shared memory that the kernel declares.
    pub shared: u32,
    /// Bytes of local memory of a thread.
    pub stack: u32,
    /// Bytes that a thread stores to local memory because registers were short.
    pub spilled: u32,
}

impl Usage {
    /// From the log that `--ptxas-options=-v` gives.
    pub(super) fn read(log: &str) -> Option<Self> {
        let used = log.lines().find(|l| l.contains(" registers"))?;
        let stack = log.lines().find(|l| l.contains("bytes stack frame"));
        Some(Usage {
            registers: before(used, " registers")?,
            shared: before(used, " bytes smem").unwrap_or(0),
            stack: before(stack?, " bytes stack frame")?,
            spilled: before(stack?, " bytes spill stores")?,
        })
    }
}

/// The number before these words.
fn before(line: &str, words: &str) -> Option<u32> {
    let text = &line[..line.find(words)?];
    text.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn the_report_of_ptxas_is_understood() {
        let log = "ptxas info    : Compiling entry function 'k' for 'sm_90'\n\
                   ptxas info    : Function properties for k\n\
                   \u{20}   16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\n\
                   ptxas info    : Used 42 registers, used 1 barriers, 2048 bytes smem, 384 bytes cmem[0]\n";
        let usage = Usage { registers: 42, shared: 2048, stack: 16, spilled: 8 };
        assert_eq!(Usage::read(log), Some(usage));
        assert_eq!(Usage::read("nothing"), None);
    }
}
