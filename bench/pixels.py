"""The peer of bench/pixels.ts: Pillow on one core. Answers {"width", "height", "steps"} with milliseconds.

With --peak FILE CASE it prints the bytes that a JPEG takes at the peak, over what the process had before.
"""
import json
import sys
import time

from PIL import Image


def run(case, picture):
    if case["pad"]:
        side = max(picture.size)
        square = Image.new("RGB", (side, side), (122, 116, 104))
        square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
        picture = square
    if case["stretch"]:
        side = max(picture.size)
        picture = picture.resize((side, side), Image.BICUBIC)
    picture = picture.resize((case["width"], case["height"]), Image.BICUBIC)
    if case["crop"]:
        left, top = (case["width"] - case["crop"]) // 2, (case["height"] - case["crop"]) // 2
        picture = picture.crop((left, top, left + case["crop"], top + case["crop"]))
    return picture


def peak():
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))


if sys.argv[1] == "--peak":
    Image.init()
    before = peak()
    run(json.loads(sys.argv[3]), Image.open(sys.argv[2]).convert("RGB"))
    print(peak() - before)
    sys.exit()

WIDTH, HEIGHT = int(sys.argv[1]), int(sys.argv[2])
with open(sys.argv[3], "rb") as file:
    PICTURE = Image.frombytes("RGB", (WIDTH, HEIGHT), file.read())

for line in sys.stdin:
    if line.strip() == "version":
        import PIL

        print(json.dumps(PIL.__version__), flush=True)
        continue
    case = json.loads(line)
    begin = time.perf_counter()
    picture = run(case, PICTURE)
    elapsed = (time.perf_counter() - begin) * 1000
    print(json.dumps({"ms": elapsed, "sum": sum(picture.tobytes())}), flush=True)
