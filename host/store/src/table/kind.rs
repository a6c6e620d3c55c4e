//! What a file is by its first bytes, where its name says something else.

use std::path::Path;

use crate::fs::error::FileError;
use crate::fs::file::open_regular;

/// How many first bytes are looked at.
pub const HEAD: u64 = 1024;

/// A kind of file that holds no rows which are read, or not under this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Parquet, under another form's name.
    Parquet,
    /// Parquet whose footer is encrypted.
    EncryptedParquet,
    /// Arrow's own format (Feather is another name of it), as a file or a stream.
    Arrow,
    /// A workbook of a spreadsheet program.
    Workbook,
    /// An archive of files.
    Archive,
    /// A compressed file, other than with gzip.
    Compressed,
    /// A file compressed with gzip, where that is not undone.
    Gzip,
    /// Text in UTF-16 or UTF-32.
    WideText,
    /// A pipe or a device, which can be read only once.
    Stream,
    /// A page for a browser, as servers answer with one where a file is not there or not for everybody.
    WebPage,
    /// Anything else that is known: databases, pickles, ORC, Avro, HDF5, PDF.
    Other(&'static str),
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Parquet => "a Parquet file",
            Kind::EncryptedParquet => "an encrypted Parquet file",
            Kind::Arrow => "an Arrow (Feather) file",
            Kind::Workbook => "a spreadsheet",
            Kind::Archive => "an archive",
            Kind::Compressed => "a compressed file",
            Kind::Gzip => "a file compressed with gzip",
            Kind::WideText => "UTF-16 text",
            Kind::Stream => "a pipe or a device",
            Kind::WebPage => "a web page",
            Kind::Other(name) => name,
        })
    }
}

impl Kind {
    /// The kind of a file with these first bytes; `None` for what may be anything.
    pub fn of(head: &[u8]) -> Option<Kind> {
        // A text may begin with the letters of a binary format, and has no such bytes.
        let is_binary = head.iter().any(|byte| *byte < 9);
        let begins = |magic: &[u8]| is_binary && head.starts_with(magic);
        let has = |word: &[u8]| head.windows(word.len()).any(|part| part == word);
        match head {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0, 0xfe, 0xff, ..] => Some(Kind::WideText),
            [0x1f, 0x8b, ..] => Some(Kind::Gzip),
            _ if begins(b"PK\x03\x04") && (has(b"xl/") || has(b"[Content_Types].xml") || has(b"opendocument")) => {
                Some(Kind::Workbook)
            }
            _ if begins(b"\xd0\xcf\x11\xe0") => Some(Kind::Workbook),
            _ if begins(b"PK\x03\x04") || begins(b"7z\xbc\xaf") || head.get(257..262) == Some(b"ustar") => {
                Some(Kind::Archive)
            }
            _ if begins(b"PAR1") => Some(Kind::Parquet),
            _ if begins(b"PARE") => Some(Kind::EncryptedParquet),
            _ if begins(b"ARROW1") || begins(b"FEA1") || begins(b"\xff\xff\xff\xff") => Some(Kind::Arrow),
            // The first four say in themselves that they are no text.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0xfd, b'7', b'z', b'X', b'Z', 0, ..] | [4, 0x22, 0x4d, 0x18, ..] => {
                Some(Kind::Compressed)
            }
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Some(Kind::Compressed),
            [0x80, 2..=5, ..] => Some(Kind::Other("a pickle")),
            _ if begins(b"SQLite format 3") => Some(Kind::Other("an SQLite database")),
            _ if begins(b"ORC") => Some(Kind::Other("an ORC file")),
            _ if begins(b"Obj\x01") => Some(Kind::Other("an Avro file")),
            _ if begins(b"\x89HDF") => Some(Kind::Other("an HDF5 file")),
            _ if head.starts_with(b"%PDF-") => Some(Kind::Other("a PDF file")),
            _ if is_web_page(head) => Some(Kind::WebPage),
            _ => None,
        }
    }

    /// What helps.
    pub fn hint(self) -> &'static str {
        match self {
            Kind::Parquet => "give it a name that ends in .parquet",
            Kind::EncryptedParquet => "write it without encryption",
            Kind::Arrow => {
                "convert it: `datasets.Dataset.from_file(FILE).to_json(\"FILE.jsonl\")` for what `save_to_disk` wrote, \
                 `pandas.read_feather(FILE).to_parquet(\"FILE.parquet\")` otherwise"
            }
            Kind::Workbook => "save it as CSV in UTF-8",
            Kind::Archive => "unpack it, and name the file in it",
            Kind::Compressed => "decompress it; only gzip is undone here",
            Kind::Gzip => "decompress it with `gunzip`",
            Kind::WideText => "save it as UTF-8: `iconv -f utf-16 -t utf-8 FILE > NEW`",
            Kind::Stream => "write it to a file first: it is read more than once",
            Kind::WebPage => "open it in a browser to see what the server says, then download the file itself",
            Kind::Other(_) => "convert it to JSON lines, Parquet or CSV",
        }
    }
}

fn is_web_page(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    [&b"<!doctype html"[..], b"<html"]
        .iter()
        .any(|start| text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start)))
}

/// What a file that is no form of data is, by its first bytes, where that is known. A file that cannot be read is
/// nothing that is known.
pub fn kind_of_file(path: &Path) -> Option<Kind> {
    use std::io::Read;
    match open_regular(path) {
        Ok(file) => {
            let mut head = Vec::new();
            file.take(HEAD).read_to_end(&mut head).ok()?;
            Kind::of(&head)
        }
        Err(FileError::Stream { .. }) => Some(Kind::Stream),
        // As many programs call their standard input.
        Err(_) => (path == Path::new("-")).then_some(Kind::Stream),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_their_first_bytes() {
        for (head, expected) in [
            (&b"PAR1\x15\x04"[..], Kind::Parquet),
            (b"PARE\x15\x04", Kind::EncryptedParquet),
            (b"ARROW1\0\0", Kind::Arrow),
            (b"\xff\xff\xff\xff\x10\x01\0\0", Kind::Arrow),
            (b"PK\x03\x04\x14\0\x06\0\x08\0[Content_Types].xml", Kind::Workbook),
            (b"PK\x03\x04\x14\0\0\0train.jsonl", Kind::Archive),
            (b"\x28\xb5\x2f\xfd\x04", Kind::Compressed),
            (b"BZh91AY&SY", Kind::Compressed),
            (b"\xff\xfea\0", Kind::WideText),
            (b"  <!DOCTYPE html><html>", Kind::WebPage),
            (b"\x80\x04\x95", Kind::Other("a pickle")),
        ] {
            assert_eq!(Kind::of(head), Some(expected), "{head:?}");
        }
        for head in [&b""[..], b"PAR1,ORC\n1,2\n", b"BZh9,x\n", b"{\"a\": 1}\n", "\u{feff}a,b\n".as_bytes(), b"<p>,b"] {
            assert_eq!(Kind::of(head), None, "{head:?}");
        }
    }
}
