//! The functions of WASI that give an answer.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource};

use crate::state::HostState;
use crate::state::system::streams::{InputStream, OutputStream};
use crate::trap::HostTrap;

type Context<'a> = StoreContextMut<'a, HostState>;

/// 1 January 2000, in seconds since 1970: archives, which a guest may make or read, cannot be older than 1980.
const NOW: u64 = 946_684_800;

/// Bytes that a guest may write at once; WASI's own streams say the same.
const MOST_WRITTEN: u64 = 4096;

/// A resource of which there is none.
pub(crate) enum Nothing {}

/// A point in time, or a length.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// Why a stream does not do what it was asked; an error of its own never happens.
#[derive(Debug, ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "the type is WASI's")]
    LastOperationFailed(Resource<Nothing>),
    #[component(name = "closed")]
    Closed,
}

type Written = Result<(), StreamError>;
type Read = Result<Vec<u8>, StreamError>;

/// Links a function of an interface (without its version), if it is one that gives an answer.
#[rustfmt::skip] // A table of functions.
pub(crate) fn link(linker: &mut LinkerInstance<'_, HostState>, interface: &str, name: &str) -> wasmtime::Result<bool> {
    let linked = match (interface, name) {
        ("cli/environment", "get-environment") => linker.func_wrap(name, |_, ()| Ok((Vec::<(String, String)>::new(),))),
        ("cli/environment", "get-arguments") => linker.func_wrap(name, |_, ()| Ok((Vec::<String>::new(),))),
        ("cli/environment", "initial-cwd") => linker.func_wrap(name, |_, ()| Ok((None::<String>,))),
        ("cli/exit", "exit") => linker.func_wrap(name, |_, (status,): (Result<(), ()>,)| exit(u8::from(status.is_err()))),
        ("cli/exit", "exit-with-code") => linker.func_wrap(name, |_, (status,): (u8,)| exit(status)),
        ("cli/stdin", "get-stdin") => linker.func_wrap(name, |_, ()| Ok((Resource::<InputStream>::new_own(0),))),
        ("cli/stdout", "get-stdout") => linker.func_wrap(name, |_, ()| Ok((OutputStream::Stdout.handle(),))),
        ("cli/stderr", "get-stderr") => linker.func_wrap(name, |_, ()| Ok((OutputStream::Stderr.handle(),))),
        ("cli/terminal-stdin", "get-terminal-stdin")
        | ("cli/terminal-stdout", "get-terminal-stdout")
        | ("cli/terminal-stderr", "get-terminal-stderr") => linker.func_wrap(name, |_, ()| Ok((None::<Resource<Nothing>>,))),
        ("filesystem/preopens", "get-directories") => linker.func_wrap(name, |_, ()| Ok((Vec::<(Resource<Nothing>, String)>::new(),))),
        ("clocks/wall-clock", "now") => linker.func_wrap(name, |_, ()| Ok((Datetime { seconds: NOW, nanoseconds: 0 },))),
        ("clocks/wall-clock", "resolution") => linker.func_wrap(name, |_, ()| Ok((Datetime { seconds: 1, nanoseconds: 0 },))),
        ("clocks/monotonic-clock", "now") => linker.func_wrap(name, |_, ()| Ok((0_u64,))),
        ("clocks/monotonic-clock", "resolution") => linker.func_wrap(name, |_, ()| Ok((1_000_000_000_u64,))),
        ("random/random", "get-random-bytes") | ("random/insecure", "get-insecure-random-bytes") => linker.func_wrap(name, random_bytes),
        ("random/random", "get-random-u64") | ("random/insecure", "get-insecure-random-u64") => linker.func_wrap(name, |mut cx: Context<'_>, ()| Ok((cx.data_mut().system.random.number(),))),
        ("random/insecure-seed", "insecure-seed") => linker.func_wrap(name, |mut cx: Context<'_>, ()| {
            let random = &mut cx.data_mut().system.random;
            Ok(((random.number(), random.number()),))
        }),
        ("io/streams", "[method]input-stream.read" | "[method]input-stream.blocking-read") => linker.func_wrap(name, |_, _: (Resource<InputStream>, u64)| Ok((Read::Err(StreamError::Closed),))),
        ("io/streams", "[method]input-stream.skip" | "[method]input-stream.blocking-skip") => linker.func_wrap(name, |_, _: (Resource<InputStream>, u64)| Ok((Result::<u64, _>::Err(StreamError::Closed),))),
        ("io/streams", "[method]output-stream.check-write") => linker.func_wrap(name, |_, _: (Resource<OutputStream>,)| Ok((Result::<_, StreamError>::Ok(MOST_WRITTEN),))),
        ("io/streams", "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush") => linker.func_wrap(name, write),
        ("io/streams", "[method]output-stream.flush" | "[method]output-stream.blocking-flush") => linker.func_wrap(name, |_, _: (Resource<OutputStream>,)| Ok((Written::Ok(()),))),
        _ => return Ok(false),
    };
    linked.map(|()| true)
}

/// Ends the call: a plugin answers, and does not end by itself.
fn exit(status: u8) -> wasmtime::Result<()> {
    Err(HostTrap::Exit { status }.into())
}

fn random_bytes(mut cx: Context<'_>, (count,): (u64,)) -> wasmtime::Result<(Vec<u8>,)> {
    let state = cx.data_mut();
    state.clock.check()?;
    state.moves(count)?;
    let count = usize::try_from(count)?;
    Ok((state.system.random.bytes(count),))
}

fn write(mut cx: Context<'_>, (stream, bytes): (Resource<OutputStream>, Vec<u8>)) -> wasmtime::Result<(Written,)> {
    if bytes.len() as u64 > MOST_WRITTEN {
        let problem = format!("expected at most {MOST_WRITTEN} bytes at once, got {}", bytes.len());
        return Err(HostTrap::InvalidArguments { operation: "output-stream.write", problem }.into());
    }
    let state = cx.data_mut();
    state.clock.check()?;
    state.moved(bytes.len() as u64);
    state.system.write(OutputStream::of(&stream), &bytes, &mut state.log);
    Ok((Ok(()),))
}
