//! Foreign code that panics on damaged or absurd input, contained: its panic becomes an error and says nothing on its
//! own.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// What `read` gives, or what it panicked with. What it worked on is broken after a panic, and must not be used again.
///
/// The first call puts a panic hook in front of the one that is there; it hands on every panic but those in here.
pub(crate) fn contained<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CONTAINED.get() {
                before(info);
            }
        }));
    });
    let outer = CONTAINED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(read));
    CONTAINED.set(outer);
    result.map_err(|payload| message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it is damaged").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_next_call_works() {
        assert_eq!(contained(|| 1 + 1), Ok(2));
        assert_eq!(contained(|| -> u8 { panic!("no page {}", 7) }), Err("no page 7".to_owned()));
        assert_eq!(contained(|| -> u8 { panic!("gone") }), Err("gone".to_owned()));
        assert_eq!(contained(|| 3), Ok(3));
    }
}
