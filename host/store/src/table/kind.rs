//! What a file is by its first bytes, where its name says something else.

use std::path::Path;

use crate::fs::error::FileError;
use crate::fs::file::open_regular;

/// How many first bytes are looked at.
pub(crate) const HEAD: u64 = 1024;

/// A kind of file that holds no rows which are read, or not under this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Parquet, under another format's name.
    Parquet,
    /// Parquet whose footer is encrypted.
    EncryptedParquet,
    /// Arrow's own format (Feather is another name of it), as a file or a stream.
    Arrow,
    /// A workbook of a spreadsheet program.
    Workbook,
    /// An archive of several files, e.g. ZIP or tar.
    Archive,
    /// A compressed file, other than with gzip or zstd.
    Compressed,
    /// A file compressed with gzip, where that is not undone.
    Gzip,
    /// A file compressed with zstd, where that is not undone.
    Zstd,
    /// Text in UTF-16 or UTF-32.
    WideText,
    /// A pipe or a device, which can be read only once.
    Stream,
    /// A page for a browser, as servers answer with one where a file is not there or not for everybody.
    WebPage,
    /// Anything else that is known: databases, pickles, ORC, Avro, HDF5, PDF.
    Other(&'static str),
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FileKind::Parquet => "a Parquet file",
            FileKind::EncryptedParquet => "an encrypted Parquet file",
            FileKind::Arrow => "an Arrow (Feather) file",
            FileKind::Workbook => "a spreadsheet",
            FileKind::Archive => "an archive",
            FileKind::Compressed => "a compressed file",
            FileKind::Gzip => "a file compressed with gzip",
            FileKind::Zstd => "a file compressed with zstd",
            FileKind::WideText => "UTF-16 text",
            FileKind::Stream => "a pipe or a device",
            FileKind::WebPage => "a web page",
            FileKind::Other(name) => name,
        })
    }
}

impl FileKind {
    /// The kind of a file with these first bytes; `None` for what may be anything.
    pub fn of(head: &[u8]) -> Option<FileKind> {
        // A text may begin with the letters of a binary format, and has no such bytes.
        let is_binary = head.iter().any(|byte| *byte < 9);
        let begins = |magic: &[u8]| is_binary && head.starts_with(magic);
        let has = |word: &[u8]| head.windows(word.len()).any(|part| part == word);
        match head {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0, 0xfe, 0xff, ..] => Some(FileKind::WideText),
            [0x1f, 0x8b, ..] => Some(FileKind::Gzip),
            _ if begins(b"PK\x03\x04") && (has(b"xl/") || has(b"[Content_Types].xml") || has(b"opendocument")) => {
                Some(FileKind::Workbook)
            }
            _ if begins(b"\xd0\xcf\x11\xe0") => Some(FileKind::Workbook),
            _ if begins(b"PK\x03\x04") || begins(b"7z\xbc\xaf") || head.get(257..262) == Some(b"ustar") => {
                Some(FileKind::Archive)
            }
            _ if begins(b"PAR1") => Some(FileKind::Parquet),
            _ if begins(b"PARE") => Some(FileKind::EncryptedParquet),
            _ if begins(b"ARROW1") || begins(b"FEA1") || begins(b"\xff\xff\xff\xff") => Some(FileKind::Arrow),
            // The first four say in themselves that they are no text; frames that are skipped may come before others.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(FileKind::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] | [4, 0x22, 0x4d, 0x18, ..] => Some(FileKind::Compressed),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Some(FileKind::Compressed),
            [0x80, 2..=5, ..] => Some(FileKind::Other("a pickle")),
            _ if begins(b"SQLite format 3") => Some(FileKind::Other("an SQLite database")),
            _ if begins(b"ORC") => Some(FileKind::Other("an ORC file")),
            _ if begins(b"Obj\x01") => Some(FileKind::Other("an Avro file")),
            _ if begins(b"\x89HDF") => Some(FileKind::Other("an HDF5 file")),
            _ if head.starts_with(b"%PDF-") => Some(FileKind::Other("a PDF file")),
            _ if is_web_page(head) => Some(FileKind::WebPage),
            _ => None,
        }
    }

    /// What to do with such a file.
    pub fn hint(self) -> &'static str {
        match self {
            FileKind::Parquet => "give it a name that ends in .parquet",
            FileKind::EncryptedParquet => "write it without encryption",
            FileKind::Arrow => {
                "convert it: `datasets.Dataset.from_file(FILE).to_json(\"FILE.jsonl\")` for what `save_to_disk` wrote, \
                 `pandas.read_feather(FILE).to_parquet(\"FILE.parquet\")` otherwise"
            }
            FileKind::Workbook => "save it as CSV in UTF-8",
            FileKind::Archive => "unpack it, and name the file in it",
            FileKind::Compressed => "decompress it; only gzip and zstd are undone here",
            FileKind::Gzip => "decompress it with `gunzip`",
            FileKind::Zstd => "decompress it with `zstd -d`",
            FileKind::WideText => "save it as UTF-8: `iconv -f utf-16 -t utf-8 FILE > NEW`",
            FileKind::Stream => "write it to a file first: it is read more than once",
            FileKind::WebPage => "open it in a browser to see what the server says, then download the file itself",
            FileKind::Other(_) => "convert it to JSON lines, Parquet or CSV",
        }
    }
}

fn is_web_page(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    [&b"<!doctype html"[..], b"<html"]
        .iter()
        .any(|start| text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start)))
}

/// What a file that is no format of data is, by its first bytes, where that is known. A file that cannot be read is
/// nothing that is known.
pub fn kind_of_file(path: &Path) -> Option<FileKind> {
    use std::io::Read;
    match open_regular(path) {
        Ok(file) => {
            let mut head = Vec::new();
            file.take(HEAD).read_to_end(&mut head).ok()?;
            FileKind::of(&head)
        }
        Err(FileError::Stream { .. }) => Some(FileKind::Stream),
        // As many programs call their standard input.
        Err(_) => (path == Path::new("-")).then_some(FileKind::Stream),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_their_first_bytes() {
        for (head, expected) in [
            (&b"PAR1\x15\x04"[..], FileKind::Parquet),
            (b"PARE\x15\x04", FileKind::EncryptedParquet),
            (b"ARROW1\0\0", FileKind::Arrow),
            (b"\xff\xff\xff\xff\x10\x01\0\0", FileKind::Arrow),
            (b"PK\x03\x04\x14\0\x06\0\x08\0[Content_Types].xml", FileKind::Workbook),
            (b"PK\x03\x04\x14\0\0\0train.jsonl", FileKind::Archive),
            (b"\x28\xb5\x2f\xfd\x04", FileKind::Zstd),
            (b"\x5e\x2a\x4d\x18\x04", FileKind::Zstd),
            (b"\x04\x22\x4d\x18\x04", FileKind::Compressed),
            (b"BZh91AY&SY", FileKind::Compressed),
            (b"\xff\xfea\0", FileKind::WideText),
            (b"  <!DOCTYPE html><html>", FileKind::WebPage),
            (b"\x80\x04\x95", FileKind::Other("a pickle")),
        ] {
            assert_eq!(FileKind::of(head), Some(expected), "{head:?}");
        }
        for head in [&b""[..], b"PAR1,ORC\n1,2\n", b"BZh9,x\n", b"{\"a\": 1}\n", "\u{feff}a,b\n".as_bytes(), b"<p>,b"] {
            assert_eq!(FileKind::of(head), None, "{head:?}");
        }
    }
}
