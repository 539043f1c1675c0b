;; Rejection sampling of a public mask (`mask.ts`): nothing here is secret. One memory, laid out by the caller.
;; Built by `node packages/fhe/test/build-wasm.ts`; a test compares.
(module
  (memory (export "memory") 1)

  ;; Reads `count` candidates of 8 bytes, cuts each with `mask`, and moves those below q to the front, in order.
  ;; Returns how many these are.
  (func (export "take") (param $candidates i32) (param $count i32) (param $mask i64) (param $q i64) (result i32)
    (local $end i32) (local $from i32) (local $to i32) (local $value i64)
    (local.set $from (local.get $candidates))
    (local.set $to (local.get $candidates))
    (local.set $end (i32.add (local.get $candidates) (i32.shl (local.get $count) (i32.const 3))))
    (block $done
      (loop $each
        (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
        (local.set $value (i64.and (i64.load (local.get $from)) (local.get $mask)))
        (i64.store (local.get $to) (local.get $value))
        (local.set $to
          (i32.add (local.get $to) (i32.shl (i64.lt_u (local.get $value) (local.get $q)) (i32.const 3))))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (br $each)))
    (i32.shr_u (i32.sub (local.get $to) (local.get $candidates)) (i32.const 3))))
