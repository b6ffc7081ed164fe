/* Passes over an image that cost a robot's node most of its time around the network.
 *
 * The NumPy forms in filters.py and points.py are the reference: each function gives the
 * same bits (test/geometry/test_kernels.py).  kernels.py loads and calls this file, if it was built.
 */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__has_attribute)
#if __has_attribute(target_clones)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef FOR_EACH_PROCESSOR
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

enum {
  TILE = 16,  /* columns filtered together: one cache line of float */
  PACKED = 32 /* points packed together */
};

INLINE uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* Upper 16 bits of a non-negative float: same order, 1 % precision. */
INLINE uint16_t coarse(float value) { return (uint16_t)(bits_of(value) >> 16); }

INLINE float inverse(float depth_m) {
  const float value = 1.0f / depth_m;
  return value == value ? value : 0.0f;
}

INLINE uint16_t extreme(uint16_t a, uint16_t b, int largest) {
  return (a < b) == largest ? b : a;
}

/* Smallest (or largest) of `size` neighbours from each value on, by doubling the window.
 *
 * from, other: buffers of `length` values, neighbours `unit` values apart; the result has
 * length - (size - 1) * unit values and is in the buffer that is returned. */
INLINE uint16_t *window(uint16_t *from, uint16_t *other, size_t length, size_t unit, size_t size,
                        int largest) {
  for (size_t wide = 1; wide < size;) {
    const size_t step = 2 * wide <= size ? wide : size - wide;
    const uint16_t *restrict in = from;
    uint16_t *restrict out = other;
    length -= step * unit;
    for (size_t i = 0; i < length; i++) out[i] = extreme(in[i], in[i + step * unit], largest);
    wide += step;
    other = from;
    from = out;
  }
  return from;
}

INLINE void fill(uint16_t *values, size_t n, uint16_t value) {
  for (size_t i = 0; i < n; i++) values[i] = value;
}

typedef struct {
  float *values, *slope; /* n * unit */
  uint16_t *one, *other; /* (n + size - 1) * unit */
  uint8_t *steep;        /* n * unit */
} Lines;

/* Morphological opening of the slope of `unit` lines, at n values from `first` on. */
INLINE const uint16_t *opened_slope(Lines at, size_t first, size_t n, size_t unit, size_t size) {
  const size_t whole = n * unit, margin = size / 2 * unit;
  const float *restrict slope = at.slope + first * unit;
  fill(at.one, margin, UINT16_MAX);
  uint16_t *restrict keys = at.one + margin;
  for (size_t i = 0; i < whole; i++) keys[i] = coarse(slope[i]);
  fill(at.one + margin + whole, margin, UINT16_MAX);
  uint16_t *eroded = window(at.one, at.other, whole + 2 * margin, unit, size, 0);
  uint16_t *padded = eroded == at.one ? at.other : at.one;
  fill(padded, margin, 0);
  memcpy(padded + margin, eroded, whole * sizeof *padded);
  fill(padded + margin + whole, margin, 0);
  return window(padded, eroded, whole + 2 * margin, unit, size, 1);
}

INLINE uint8_t is_peak(float slope, float value, float jump, uint16_t opened) {
  const float height = slope - value * jump;
  return opened < coarse(height > 0.0f ? height : 0.0f);
}

/* Index of the next steep value from `from` on, in lines; n without one before line n. */
INLINE size_t next_steep(Lines at, size_t from, size_t n, size_t unit) {
  const uint8_t *found = from < n ? memchr(at.steep + from * unit, 1, (n - from) * unit) : NULL;
  return found == NULL ? n : (size_t)(found - at.steep) / unit;
}

/* Mark narrow peaks of the gradient of `unit` lines of n values, at every step-th value.
 *
 * Few values are steep enough for a peak: the opening is computed around these alone.
 * marks: a row of `unit` for each of those values, row_marks apart. */
INLINE void mark_peaks(Lines at, size_t n, size_t unit, size_t step, size_t size, float jump,
                       uint8_t *marks, size_t row_marks) {
  const size_t whole = n * unit, reach = size - 1;
  const float *restrict values = at.values;
  float *restrict slope = at.slope;
  for (size_t i = unit; i < whole - unit; i++)
    slope[i] = fabsf(values[i + unit] - values[i - unit]);
  for (size_t i = 0; i < unit; i++) {
    slope[i] = slope[i + unit];
    slope[whole - unit + i] = slope[whole - 2 * unit + i];
  }
  uint8_t *restrict steep = at.steep;
  for (size_t i = 0; i < whole; i++) steep[i] = slope[i] - values[i] * jump > 0.0f;
  for (size_t first = next_steep(at, 0, n, unit); first < n;) {
    size_t end = first, next = first; /* values from first to end, to which others are near */
    while (next < n && next <= end + 2 * reach) {
      end = next + size < n ? next + size : n;
      next = next_steep(at, end, n, unit);
    }
    const size_t begin = first > reach ? first - reach : 0;
    const size_t whole_end = end + reach < n ? end + reach : n;
    const uint16_t *restrict opened = opened_slope(at, begin, whole_end - begin, unit, size);
    const size_t at_once = step == 1 && row_marks == unit ? end - first : 1;
    for (size_t row = (first + step - 1 - step / 2) / step * step + step / 2; row < end;
         row += step * at_once) {
      uint8_t *restrict found = marks + row / step * row_marks;
      for (size_t i = 0; i < at_once * unit; i++) {
        const size_t k = row * unit + i;
        found[i] |= is_peak(slope[k], values[k], jump, opened[k - begin * unit]);
      }
    }
    first = next;
  }
}

/* Bytes of `scratch` in zoedepth_flying_pixels. */
size_t zoedepth_flying_pixels_scratch(size_t height, size_t width, size_t size) {
  const size_t n = (height > width ? height : width) + size;
  return n * TILE * (2 * sizeof(float) + 2 * sizeof(uint16_t) + 1);
}

INLINE void mark_along_rows(const float *depth_m, size_t height, size_t width, size_t row_step,
                            size_t step, size_t size, float jump, uint8_t *marks, Lines at) {
  const size_t kept = (width - step / 2 + step - 1) / step;
  for (size_t row = row_step / 2; row < height; row += row_step, marks += kept) {
    const float *restrict line_m = depth_m + row * width;
    float *restrict values = at.values;
    for (size_t i = 0; i < width; i++) values[i] = inverse(line_m[i]);
    mark_peaks(at, width, 1, step, size, jump, marks, 1);
  }
}

INLINE void mark_tile(const float *restrict from, size_t height, size_t width, size_t row_step,
                      size_t n, size_t step, size_t size, float jump, uint8_t *marks,
                      size_t row_marks, Lines at) {
  float *restrict values = at.values;
  for (size_t row = 0; row < height; row++)
    for (size_t i = 0; i < n; i++) values[row * n + i] = inverse(from[row * width + i * step]);
  mark_peaks(at, height, n, row_step, size, jump, marks, row_marks);
}

INLINE void mark_along_columns(const float *depth_m, size_t height, size_t width, size_t row_step,
                               size_t step, size_t size, float jump, uint8_t *marks, Lines at) {
  const size_t kept = (width - step / 2 + step - 1) / step;
  for (size_t first = 0; first < kept; first += TILE) {
    const size_t n = kept - first < TILE ? kept - first : TILE;
    const float *from = depth_m + step / 2 + first * step;
    if (n == TILE && step == 1) /* compiled for these numbers, which is faster */
      mark_tile(from, height, width, row_step, TILE, 1, size, jump, marks + first, kept, at);
    else
      mark_tile(from, height, width, row_step, n, step, size, jump, marks + first, kept, at);
  }
}

/* filters.flying_pixels: marks of every row_step-th row and step-th column of depth (H, W). */
FOR_EACH_PROCESSOR
void zoedepth_flying_pixels(const float *depth_m, size_t height, size_t width, size_t row_step,
                            size_t step, size_t size, float jump, uint8_t *marks,
                            float *scratch) {
  const size_t n = (height > width ? height : width) + size;
  uint16_t *keys = (uint16_t *)(scratch + 2 * n * TILE);
  const Lines at = {scratch, scratch + n * TILE, keys, keys + n * TILE,
                    (uint8_t *)(keys + 2 * n * TILE)};
  if (width >= 3)
    mark_along_rows(depth_m, height, width, row_step, step, size, jump, marks, at);
  if (height >= 3)
    mark_along_columns(depth_m, height, width, row_step, step, size, jump, marks, at);
}

/* At most PACKED points: three passes that vectorize, while one over interleaved values does not. */
INLINE void pack_few(const float *restrict depth_m, const float *restrict rays,
                     const uint8_t *restrict rgb, ptrdiff_t pixel_bytes, size_t n, float limit_m,
                     uint32_t *restrict out) {
  uint32_t x[PACKED], y[PACKED], z[PACKED], color[PACKED];
  for (size_t i = 0; i < n; i++) {
    const float given_m = depth_m[i] > limit_m ? NAN : depth_m[i];
    const float z_m = given_m + (given_m - given_m); /* infinity becomes NaN */
    const float x_m = rays[2 * i] * z_m;
    x[i] = bits_of(x_m);
    y[i] = bits_of(rays[2 * i + 1] * z_m);
    z[i] = bits_of(x_m == x_m ? z_m : NAN); /* NaN as the ray */
  }
  for (size_t i = 0; i < n; i++) {
    const uint8_t *from = rgb + (ptrdiff_t)i * pixel_bytes;
    color[i] = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
  }
  for (size_t i = 0; i < n; i++) {
    out[4 * i] = x[i];
    out[4 * i + 1] = y[i];
    out[4 * i + 2] = z[i];
    out[4 * i + 3] = color[i];
  }
}

INLINE void pack_row(const float *depth_m, const float *rays, const uint8_t *rgb,
                     ptrdiff_t pixel_bytes, size_t width, float limit_m, uint32_t *out) {
  for (; width >= PACKED; width -= PACKED) { /* compiled for this number, which is faster */
    pack_few(depth_m, rays, rgb, pixel_bytes, PACKED, limit_m, out);
    depth_m += PACKED;
    rays += 2 * PACKED;
    rgb += PACKED * pixel_bytes;
    out += 4 * PACKED;
  }
  pack_few(depth_m, rays, rgb, pixel_bytes, width, limit_m, out);
}

/* points.pack_points: x, y, z and the bits 0x00RRGGBB of every pixel; NaN beyond limit_m.
 *
 * rgb: with `pixel_bytes` between its pixels. */
FOR_EACH_PROCESSOR
void zoedepth_pack_points(const float *depth_m, const float *rays, const uint8_t *rgb,
                          ptrdiff_t row_bytes, ptrdiff_t pixel_bytes, size_t height, size_t width,
                          float limit_m, uint32_t *out) {
  for (size_t row = 0; row < height; row++) {
    if (pixel_bytes == 3)
      pack_row(depth_m, rays, rgb, 3, width, limit_m, out);
    else
      pack_row(depth_m, rays, rgb, pixel_bytes, width, limit_m, out);
    depth_m += width;
    rays += 2 * width;
    rgb += row_bytes;
    out += 4 * width;
  }
}

INLINE float limited(float depth_m, uint8_t mark, float min_m) {
  const float seen_m = depth_m < min_m ? -INFINITY : depth_m;
  return (mark != 0) | (depth_m <= 0.0f) ? NAN : seen_m;
}

/* filters.depth_for_points: NaN where marked or not positive, -inf below min_m. */
FOR_EACH_PROCESSOR
void zoedepth_limited(const float *depth_m, size_t height, size_t width, size_t row_step,
                      size_t step, const uint8_t *restrict marks, float min_m,
                      float *restrict out_m) {
  for (size_t row = row_step / 2; row < height; row += row_step) {
    const float *restrict line_m = depth_m + row * width;
    if (step == 1) {
      for (size_t i = 0; i < width; i++) out_m[i] = limited(line_m[i], marks[i], min_m);
      out_m += width;
      marks += width;
    } else {
      for (size_t i = step / 2; i < width; i += step)
        *out_m++ = limited(line_m[i], *marks++, min_m);
    }
  }
}

/* filters.write_depth: -inf below min_m, +inf above max_m. */
FOR_EACH_PROCESSOR
void zoedepth_write_depth(const float *restrict depth_m, size_t n, float min_m, float max_m,
                          float *restrict out) {
  for (size_t i = 0; i < n; i++) {
    const float m = depth_m[i];
    out[i] = m < min_m ? -INFINITY : m > max_m ? INFINITY : m;
  }
}

/* filters.raise_to: no value below the least one. */
FOR_EACH_PROCESSOR
void zoedepth_raise_to(float *values, size_t n, float least) {
  for (size_t i = 0; i < n; i++) values[i] = values[i] < least ? least : values[i];
}
