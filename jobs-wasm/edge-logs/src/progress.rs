//! How much of the stored bytes has been read.

/// Tells the percentage of bytes read, each whole percentage once.
pub(crate) struct Progress<'a> {
    total: u64,
    read: u64,
    shown: Option<u8>,
    report: &'a mut dyn FnMut(u8, &str),
}

impl<'a> Progress<'a> {
    pub(crate) fn new(total: u64, report: &'a mut dyn FnMut(u8, &str)) -> Self {
        Self { total, read: 0, shown: None, report }
    }

    /// So many more bytes of `file` have been read. A file that grew since it was listed is not shown beyond 99: the last
    /// percent is for [`finish`](Self::finish).
    pub(crate) fn advance(&mut self, bytes: u64, file: &str) {
        self.read = self.read.saturating_add(bytes);
        let percent = u128::from(self.read) * 100 / u128::from(self.total.max(1));
        self.show(u8::try_from(percent).unwrap_or(u8::MAX).min(99), file);
    }

    pub(crate) fn finish(&mut self) {
        self.show(100, "done");
    }

    fn show(&mut self, percent: u8, message: &str) {
        if self.shown != Some(percent) {
            self.shown = Some(percent);
            (self.report)(percent, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_percentage_is_told_once() {
        let mut told = Vec::new();
        let mut report = |percent: u8, file: &str| told.push((percent, file.to_owned()));
        let mut progress = Progress::new(400, &mut report);
        for bytes in [0, 3, 1, 1, 200, 400] {
            progress.advance(bytes, "a");
        }
        progress.finish();
        let told: Vec<_> = told.iter().map(|(percent, file)| (*percent, file.as_str())).collect();
        assert_eq!(told, [(0, "a"), (1, "a"), (51, "a"), (99, "a"), (100, "done")]);
    }

    #[test]
    fn no_bytes_at_all_are_all_of_them() {
        let mut told = Vec::new();
        let mut report = |percent: u8, _: &str| told.push(percent);
        Progress::new(0, &mut report).finish();
        assert_eq!(told, [100]);
    }
}
