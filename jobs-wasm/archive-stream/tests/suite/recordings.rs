//! A folder of recordings, an archive, and the job over both.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use archive_stream::archive;
use mainworker::Failure;
use mainworker_models::{ArchiveIndex, ArchiveStreamPayload, ArchiveStreamReport};
use tempfile::TempDir;

/// The two mounts of one test.
pub(crate) struct Recordings {
    folder: TempDir,
}

impl Recordings {
    pub(crate) fn new() -> Self {
        let recordings = Self { folder: TempDir::new().unwrap() };
        fs::create_dir(recordings.mount()).unwrap();
        fs::create_dir(recordings.archive()).unwrap();
        recordings
    }

    /// A recording of these segments, each of two packets, that is over.
    pub(crate) fn of(files: &[&str]) -> Self {
        let list: String = files.iter().map(|file| format!("#EXTINF:4,\n{file}\n")).collect();
        let recordings = Self::new().with("a.m3u8", over(&list));
        files
            .iter()
            .enumerate()
            .fold(recordings, |recordings, (number, file)| recordings.with(file, packets(number, 2)))
    }

    pub(crate) fn mount(&self) -> PathBuf {
        self.folder.path().join("recordings")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    #[must_use]
    pub(crate) fn with(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.mount().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub(crate) fn run(&self, playlist: &str) -> Result<ArchiveStreamReport, Failure> {
        let payload = ArchiveStreamPayload { playlist: playlist.to_owned() };
        archive(&self.mount(), &self.archive(), &payload, "task-1", &mut |_, _| {})
    }

    /// Why `a.m3u8` can never be archived. Nothing is in the archive then.
    pub(crate) fn rejection(&self) -> String {
        let failure = self.run("a.m3u8").unwrap_err();
        assert_eq!(failure, Failure::rejected(failure.message()));
        assert_eq!(self.kept(), BTreeMap::new());
        failure.message().to_owned()
    }

    /// The files of the archive, by their paths.
    pub(crate) fn kept(&self) -> BTreeMap<String, Vec<u8>> {
        let mut kept = BTreeMap::new();
        add_files(&self.archive(), &self.archive(), &mut kept);
        kept
    }

    pub(crate) fn index(&self, name: &str) -> ArchiveIndex {
        serde_json::from_slice(&fs::read(self.archive().join(name)).unwrap()).unwrap()
    }
}

fn add_files(root: &Path, folder: &Path, to: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_files(root, &path, to);
        } else {
            to.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap());
        }
    }
}

/// A playlist that goes on.
pub(crate) fn live(segments: &str) -> String {
    format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n{segments}")
}

/// A playlist that is over.
pub(crate) fn over(segments: &str) -> String {
    format!("{}#EXT-X-ENDLIST\n", live(segments))
}

/// So many packets of a transport stream, others for each `number`.
pub(crate) fn packets(number: usize, count: usize) -> Vec<u8> {
    let packet = |index: usize| {
        let mut packet = vec![0xff; 188];
        // Sync byte, a PID of 0x100, payload only with its counter.
        packet[..4].copy_from_slice(&[0x47, 0x01, 0x00, 0x10 | u8::try_from(index % 16).unwrap()]);
        packet[4..12].copy_from_slice(&(number as u64).to_be_bytes());
        packet
    };
    (0..count).flat_map(packet).collect()
}
