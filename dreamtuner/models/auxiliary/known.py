"""The auxiliary models that are known: where each comes from, and under which licence."""

from dreamtuner.models.auxiliary.model import AuxiliaryModel
from dreamtuner.models.licences import licence_of

_OPENAI = licence_of({"name": "MIT", "source": "https://github.com/openai/CLIP/blob/main/LICENSE"})
_DINO = licence_of({"name": "Apache-2.0", "source": "https://github.com/facebookresearch/dino/blob/main/LICENSE"})
_DINOV2 = licence_of({"name": "Apache-2.0", "source": "https://github.com/facebookresearch/dinov2/blob/main/LICENSE"})
_LAION = licence_of(
    {
        "name": "Apache-2.0",
        "source": "https://github.com/christophschuhmann/improved-aesthetic-predictor/blob/main/LICENSE",
    }
)
_TORCHVISION = licence_of(
    {"name": "BSD-3-Clause", "source": "https://github.com/pytorch/vision/blob/main/LICENSE; trained on ImageNet"}
)
_LPIPS = licence_of(
    {"name": "BSD-2-Clause", "source": "https://github.com/richzhang/PerceptualSimilarity/blob/master/LICENSE"}
)
_BLIP = licence_of({"name": "BSD-3-Clause", "source": "https://github.com/salesforce/BLIP/blob/main/LICENSE.txt"})
_FLORENCE = licence_of({"name": "MIT", "source": "https://huggingface.co/microsoft/Florence-2-base/blob/main/LICENSE"})
_DEPTH = licence_of(
    {"name": "Apache-2.0", "source": "https://github.com/DepthAnything/Depth-Anything-V2, of the small model alone"}
)
_ANIME_SEG = licence_of(
    {"name": "Apache-2.0", "source": "https://github.com/SkyTNT/anime-segmentation/blob/main/LICENSE"}
)
_DIS = licence_of({"name": "Apache-2.0", "source": "https://github.com/xuebinqin/DIS/blob/main/LICENSE.md"})
_BIREFNET = licence_of({"name": "MIT", "source": "https://github.com/ZhengPeng7/BiRefNet/blob/main/LICENSE"})
_INSPYRENET = licence_of({"name": "MIT", "source": "https://github.com/plemeri/InSPyReNet/blob/main/LICENSE"})
_BLIP_2 = licence_of(
    {"name": "MIT", "source": "https://huggingface.co/Salesforce/blip2-flan-t5-xl, with Flan-T5 under Apache-2.0"}
)
_WD_TAGGER = licence_of({"name": "Apache-2.0", "source": "https://huggingface.co/SmilingWolf/wd-vit-tagger-v3"})
_DWPOSE = licence_of({"name": "Apache-2.0", "source": "https://huggingface.co/yzd-v/DWPose"})

CLIP_B32 = AuxiliaryModel(
    name="clip-vit-b32",
    source="hub:openai/clip-vit-base-patch32",
    licence=_OPENAI,
    purpose="metrics clip_i_b32 and clip_t_b32",
    model_types=("clip",),
)
CLIP_L14 = AuxiliaryModel(
    name="clip-vit-l14",
    source="hub:openai/clip-vit-large-patch14",
    licence=_OPENAI,
    purpose="metrics clip_i_l14, clip_t_l14 and aesthetic_l14",
    model_types=("clip",),
)
DINO_S8 = AuxiliaryModel(
    name="dino-vits8",
    source="hub:facebook/dino-vits8",
    licence=_DINO,
    purpose="metric dino_s8",
    model_types=("vit",),
)
DINO_S16 = AuxiliaryModel(
    name="dino-vits16",
    source="hub:facebook/dino-vits16",
    licence=_DINO,
    purpose="metric dino_s16",
    model_types=("vit",),
)
DINOV2_S = AuxiliaryModel(
    name="dinov2-small",
    source="hub:facebook/dinov2-small",
    licence=_DINOV2,
    purpose="metric dinov2_s",
    model_types=("dinov2",),
)
DINOV2_B = AuxiliaryModel(
    name="dinov2-base",
    source="hub:facebook/dinov2-base",
    licence=_DINOV2,
    purpose="metric dinov2_b",
    model_types=("dinov2",),
)
AESTHETIC_L14 = AuxiliaryModel(
    name="aesthetic-l14",
    source="hub:trl-lib/ddpo-aesthetic-predictor/aesthetic-model.pth",
    licence=_LAION,
    purpose="metric aesthetic_l14, with clip-vit-l14",
)
ALEXNET = AuxiliaryModel(
    name="alexnet",
    source="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    sha256="7be5be79",  # the publisher states these digits, in the file's name
    licence=_TORCHVISION,
    purpose="metric lpips_alex_similarity, with lpips-alex",
)
LPIPS_ALEX = AuxiliaryModel(
    name="lpips-alex",
    source=(
        "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/082bb24f84c091ea94de2867d34c4544f68e0963"
        "/lpips/weights/v0.1/alex.pth"
    ),
    sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    licence=_LPIPS,
    purpose="metric lpips_alex_similarity, with alexnet",
)
BLIP = AuxiliaryModel(
    name="blip-base",
    source="hub:Salesforce/blip-image-captioning-base",
    licence=_BLIP,
    purpose="captioner blip",
    model_types=("blip",),
)
FLORENCE_2 = AuxiliaryModel(
    name="florence-2-base",
    source="hub:florence-community/Florence-2-base",
    licence=_FLORENCE,
    purpose="captioner florence-2",
    model_types=("florence2",),
)
DEPTH_ANYTHING_S = AuxiliaryModel(
    name="depth-anything-v2-small",
    source="hub:depth-anything/Depth-Anything-V2-Small-hf",
    licence=_DEPTH,
    purpose="estimator depth-anything-v2-small",
    model_types=("depth_anything",),
)
ANIME_SEG = AuxiliaryModel(
    name="anime-seg",
    source="hub:skytnt/anime-seg/isnetis.onnx",
    licence=_ANIME_SEG,
    purpose="masker anime",
)
ISNET = AuxiliaryModel(
    name="isnet",
    source="https://github.com/danielgatis/rembg/releases/download/v0.0.0/isnet-general-use.onnx",
    sha256="60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a",
    licence=_DIS,
    purpose="masker isnet",
)
BIREFNET = AuxiliaryModel(
    name="birefnet",
    source="hub:onnx-community/BiRefNet-ONNX/onnx/model.onnx",
    licence=_BIREFNET,
    purpose="masker birefnet",
)
BIREFNET_LITE = AuxiliaryModel(
    name="birefnet-lite",
    source="hub:onnx-community/BiRefNet_lite-ONNX/onnx/model.onnx",
    licence=_BIREFNET,
    purpose="masker birefnet-lite",
)
INSPYRENET = AuxiliaryModel(
    name="inspyrenet",
    source="hub:OS-Software/InSPyReNet-SwinB-Plus-Ultra-ONNX/onnx/model.onnx",
    licence=_INSPYRENET,
    purpose="masker inspyrenet",
)
BLIP_2 = AuxiliaryModel(
    name="blip2-flan-t5-xl",
    source="hub:Salesforce/blip2-flan-t5-xl",
    licence=_BLIP_2,
    purpose="captioner blip-2",
    model_types=("blip-2",),
)
WD_TAGGER = AuxiliaryModel(
    name="wd-vit-tagger-v3",
    source="hub:SmilingWolf/wd-vit-tagger-v3",
    licence=_WD_TAGGER,
    purpose="captioner wd14",
    files=("model.onnx", "selected_tags.csv"),
)
DWPOSE = AuxiliaryModel(
    name="dwpose",
    source="hub:yzd-v/DWPose",
    licence=_DWPOSE,
    purpose="estimator dwpose",
    files=("yolox_l.onnx", "dw-ll_ucoco_384.onnx"),
)
