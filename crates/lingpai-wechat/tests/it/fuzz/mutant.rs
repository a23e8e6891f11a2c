//! Mutants: bytes flipped, cut and doubled, words of XML, JSON and WeChat put in, and two inputs spliced.

/// What is written into inputs: where formats have their edges.
const WORDS: &[&str] = &[
    "<xml>",
    "</xml>",
    "<Encrypt>",
    "</Encrypt>",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE x [",
    "<!ENTITY a \"b\">",
    "]>",
    "&a;",
    "&lt;",
    "&#0;",
    "&#x110000;",
    "<?xml version=\"1.0\"?>",
    "<!--",
    "-->",
    "<a/>",
    "<InfoType>",
    "</InfoType>",
    "<a b='c'>",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "-0",
    "1e999",
    "-9223372036854775809",
    "18446744073709551616",
    "\"errcode\":",
    "\"errmsg\":\"rid: 61725984-6126f6f9-040f19c4\"",
    "\"access_token\":",
    "\"expires_in\":",
    "\"Encrypt\":",
    "\u{feff}",
    "\0",
    "\n",
    "==",
    "令",
    "hint: [1]",
    "invalid ip 1.2.3.4 ipv6 ::1, not in whitelist",
];
/// No input grows beyond this.
const MOST: usize = 8 * 1024;

/// A small generator (SplitMix64): the same seed gives the same search everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of so many; zero of none.
    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap()
    }
}

/// A mutant of one of the seeds, with few changes, mostly one or two.
pub(super) fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    let most = random.below(8);
    for _ in 0..=random.below(most) {
        change(&mut input, seeds, random);
    }
    input.truncate(MOST);
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = (at + random.below(32)).min(input.len());
    match random.below(9) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.next().to_le_bytes()[0],
        2 => drop(input.drain(at..end)),
        3 => {
            let piece = input[at..end].repeat(1 + random.below(4));
            input.splice(at..at, piece).for_each(drop);
        }
        4 => input.truncate(at),
        5 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        6 => {
            let word = WORDS[random.below(WORDS.len())].as_bytes();
            input.splice(at..end, word.iter().copied()).for_each(drop);
        }
        _ => {
            let word = WORDS[random.below(WORDS.len())].as_bytes();
            input.splice(at..at, word.iter().copied()).for_each(drop);
        }
    }
}
