//! The page of `ft-host serve` as a person uses it: the real executable with a tiny model, and Debian's chromium without a
//! window, driven through chromedriver.
//!
//! Every test ends with [`browser::Browser::close`]: no error in the console, no request to anywhere but the server. Where
//! chromium or chromedriver is missing, stderr says that the page is not tested, and with `CI=true` that is a failure.
//!
//! The client of WebDriver is this project's own: a dozen of its endpoints over HTTP on loopback. A package for it
//! (fantoccini, thirtyfour) would bring an asynchronous runtime into tests that do one thing after another.

mod browser;
mod hostile;
mod http;
mod installed;
mod keyboard;
mod lifecycle;
mod looks;
mod picture;
mod run;
mod server;
#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "the tests of the commands use the rest of it")]
mod support;
mod token;
mod user;
mod watched;
