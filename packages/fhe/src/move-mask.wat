;; Moves an encryption of zero to another public mask, adds a message and packs what comes out. One memory, laid out by the caller (byte offsets).
;;
;; Every operation on a value that depends on the secret is an addition, subtraction, multiplication, shift or `and` of
;; 64-bit integers; no branch and no address depends on one. Moduli are below 2^61, so that 4q fits 63 bits.
;; Built by `node packages/fhe/test/build-wasm.ts`; a test compares.
(module
  (memory (export "memory") 1)

  ;; quotients[k] = floor(secret[k] * 2^64 / q), by long division bit by bit.
  (func (export "prepare") (param $secret i32) (param $quotients i32) (param $count i32) (param $q i64)
    (local $end i32) (local $rest i64) (local $quotient i64) (local $less i64) (local $bit i32)
    (local.set $end (i32.add (local.get $secret) (i32.shl (local.get $count) (i32.const 3))))
    (block $done
      (loop $each
        (br_if $done (i32.ge_u (local.get $secret) (local.get $end)))
        (local.set $rest (i64.load (local.get $secret)))
        (local.set $quotient (i64.const 0))
        (local.set $bit (i32.const 64))
        (loop $bits
          (local.set $less (i64.sub (i64.shl (local.get $rest) (i64.const 1)) (local.get $q)))
          (local.set $rest
            (i64.add
              (local.get $less)
              (i64.and (local.get $q) (i64.shr_s (local.get $less) (i64.const 63)))))
          (local.set $quotient
            (i64.or
              (i64.shl (local.get $quotient) (i64.const 1))
              (i64.xor (i64.shr_u (local.get $less) (i64.const 63)) (i64.const 1))))
          (local.set $bit (i32.sub (local.get $bit) (i32.const 1)))
          (br_if $bits (local.get $bit)))
        (i64.store (local.get $quotients) (local.get $quotient))
        (local.set $secret (i32.add (local.get $secret) (i32.const 8)))
        (local.set $quotients (i32.add (local.get $quotients) (i32.const 8)))
        (br $each))))

  ;; packed = first[k] + message[k] + (from[k] - to[k]) * secret[k] modulo q, for all k; residues are canonical before and
  ;; after, and packed as `bits` bits each, little-endian and without gaps; count * bits is a multiple of 64.
  ;; The product is Shoup's: d * s - floor(d * quotient / 2^64) * q lies in [0, 2q) for every d < 2^64; the sum lies below 4q
  ;; and is reduced by 2q or nothing, then by q or nothing. All in one body: engines do not inline such calls.
  (func (export "move")
    (param $first i32) (param $from i32) (param $message i32) (param $to i32)
    (param $secret i32) (param $quotients i32) (param $count i32) (param $q i64) (param $bits i64) (param $packed i32)
    (local $end i32) (local $d i64) (local $y i64) (local $dl i64) (local $dh i64) (local $yl i64) (local $yh i64)
    (local $mid i64) (local $x i64) (local $open i64) (local $filled i64) (local $q2 i64)
    (local.set $q2 (i64.shl (local.get $q) (i64.const 1)))
    (local.set $end (i32.add (local.get $first) (i32.shl (local.get $count) (i32.const 3))))
    (block $done
      (loop $each
        (br_if $done (i32.ge_u (local.get $first) (local.get $end)))
        (local.set $d
          (i64.sub
            (i64.add (i64.load (local.get $from)) (local.get $q))
            (i64.load (local.get $to))))
        ;; $mid, then the high 64 bits of d * quotient, from four products of 32-bit halves.
        (local.set $y (i64.load (local.get $quotients)))
        (local.set $dl (i64.and (local.get $d) (i64.const 0xffffffff)))
        (local.set $dh (i64.shr_u (local.get $d) (i64.const 32)))
        (local.set $yl (i64.and (local.get $y) (i64.const 0xffffffff)))
        (local.set $yh (i64.shr_u (local.get $y) (i64.const 32)))
        (local.set $mid
          (i64.add
            (i64.mul (local.get $dh) (local.get $yl))
            (i64.shr_u (i64.mul (local.get $dl) (local.get $yl)) (i64.const 32))))
        (local.set $x
          (i64.add
            (i64.add
              (i64.mul (local.get $dh) (local.get $yh))
              (i64.shr_u (local.get $mid) (i64.const 32)))
            (i64.shr_u
              (i64.add
                (i64.mul (local.get $dl) (local.get $yh))
                (i64.and (local.get $mid) (i64.const 0xffffffff)))
              (i64.const 32))))
        (local.set $x
          (i64.add
            (i64.add (i64.load (local.get $first)) (i64.load (local.get $message)))
            (i64.sub
              (i64.mul (local.get $d) (i64.load (local.get $secret)))
              (i64.mul (local.get $x) (local.get $q)))))
        (local.set $x (i64.sub (local.get $x) (local.get $q2)))
        (local.set $x
          (i64.add (local.get $x) (i64.and (local.get $q2) (i64.shr_s (local.get $x) (i64.const 63)))))
        (local.set $x (i64.sub (local.get $x) (local.get $q)))
        (local.set $x
          (i64.add (local.get $x) (i64.and (local.get $q) (i64.shr_s (local.get $x) (i64.const 63)))))
        (local.set $open (i64.or (local.get $open) (i64.shl (local.get $x) (local.get $filled))))
        (local.set $filled (i64.add (local.get $filled) (local.get $bits)))
        (if (i64.ge_u (local.get $filled) (i64.const 64))
          (then
            (i64.store (local.get $packed) (local.get $open))
            (local.set $packed (i32.add (local.get $packed) (i32.const 8)))
            (local.set $filled (i64.sub (local.get $filled) (i64.const 64)))
            ;; Bits of the residue that did not fit; bits < 64, so the shift is 1 to 63 or, when nothing is left, `bits`.
            (local.set $open (i64.shr_u (local.get $x) (i64.sub (local.get $bits) (local.get $filled))))))
        (local.set $first (i32.add (local.get $first) (i32.const 8)))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (local.set $message (i32.add (local.get $message) (i32.const 8)))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))
        (local.set $secret (i32.add (local.get $secret) (i32.const 8)))
        (local.set $quotients (i32.add (local.get $quotients) (i32.const 8)))
        (br $each)))))
