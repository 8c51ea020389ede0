"""The components of DreamTunerPipeline, how they are loaded, and the state that a running call exposes."""

from typing import Any, ClassVar, Self

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DiffusionPipeline,
    MultiControlNetModel,
    UNet2DConditionModel,
)
from diffusers.image_processor import VaeImageProcessor
from diffusers.loaders import (
    IPAdapterMixin,
    StableDiffusionLoraLoaderMixin,
    TextualInversionLoaderMixin,
)
from diffusers.pipelines.pipeline_utils import StableDiffusionMixin
from diffusers.schedulers import KarrasDiffusionSchedulers
from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModel, CLIPVisionModelWithProjection
from transformers.image_processing_utils import BaseImageProcessor

from dreamtuner.families.precision import torch_dtype
from dreamtuner.families.schedulers import chosen_scheduler
from dreamtuner.families.unet.backbone import UNetBackbone, UNetParts
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.models.layouts import OWN_FIELDS, Kind, in_order, kinds_of
from dreamtuner.models.profiles import Profile, get_profile
from dreamtuner.pipeline.callbacks import TENSORS
from dreamtuner.pipeline.control_kinds import as_components, check_kinds, nets_of
from dreamtuner.pipeline.defaults import check_defaults, defaults_of
from dreamtuner.pipeline.load_adapters import load_adapters
from dreamtuner.pipeline.single_file import SingleFileMixin
from dreamtuner.settings.recipe_fields import from_fields
from dreamtuner.settings.sampling import Sampling, Style


class Components(
    DiffusionPipeline,  # type: ignore[misc]
    StableDiffusionMixin,  # type: ignore[misc]
    TextualInversionLoaderMixin,  # type: ignore[misc]
    StableDiffusionLoraLoaderMixin,  # type: ignore[misc]
    IPAdapterMixin,  # type: ignore[misc]
    SingleFileMixin,
):
    """A pipeline without `__call__`: loaded, saved, moved and offloaded like diffusers' own.

    Single files, LoRAs, embeddings and IP-Adapters are loaded by the methods of diffusers' own pipelines.
    """

    model_cpu_offload_seq = "image_encoder->text_encoder->unet->vae"  # ControlNets and the encoder serve every step
    _optional_components: ClassVar[list[str]] = [
        "controlnet",
        "controlnet_depth",
        "controlnet_pose",
        "subject_encoder",
        "image_encoder",
        "feature_extractor",
    ]
    _callback_tensor_inputs: ClassVar[list[str]] = list(TENSORS)

    def __init__(
        self,
        vae: AutoencoderKL,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        unet: UNet2DConditionModel,
        scheduler: KarrasDiffusionSchedulers,
        controlnet_depth: ControlNetModel | None = None,
        controlnet_pose: ControlNetModel | None = None,
        subject_encoder: SubjectEncoder | None = None,
        image_encoder: CLIPVisionModel | CLIPVisionModelWithProjection | None = None,
        feature_extractor: BaseImageProcessor | None = None,
        controlnet: ControlNetModel | MultiControlNetModel | None = None,
        control_kinds: list[str] | None = None,
        defaults: dict[str, Any] | None = None,
    ) -> None:
        no_modules = {"self", "control_kinds", "defaults", "__class__"}
        modules = {name: part for name, part in locals().items() if name not in {*no_modules, "no_modules"}}
        if (kind := getattr(getattr(unet, "config", None), "addition_embed_type", None)) is not None:
            raise ValueError(
                f"unet: it needs more than text states ({kind}), as Stable Diffusion XL does; this pipeline is for "
                "Stable Diffusion 1.x and 2.x: generate with dreamtuner.sampling.generate, or by a spec"
            )
        super().__init__()
        kinds = check_kinds(controlnet, control_kinds, [one for one in OWN_FIELDS if modules[f"controlnet_{one}"]])
        self.register_modules(**modules)
        self.register_to_config(defaults=None if defaults is None else check_defaults(defaults), control_kinds=kinds)
        self.vae_scale_factor = 8 if vae is None else 2 ** (len(vae.config.block_out_channels) - 1)
        self.image_processor = VaeImageProcessor(vae_scale_factor=self.vae_scale_factor)
        self._guidance_scale, self._num_timesteps, self._interrupt = 1.0, 0, False

    @classmethod
    def from_backbone(cls, backbone: UNetBackbone, *, style: Style = "natural") -> Self:
        """Create a pipeline that shares the models of `backbone`, with its profile's settings and ControlNets.

        Raises ValueError if the settings name a LoRA, VAE or FreeU, which would change the models: `from_profile` loads
        those, and the profile's embeddings.
        """
        sampling = backbone.profile.sampling(style)
        if changed := [name for name in ("loras", "vae", "freeu") if getattr(sampling, name)]:
            raise ValueError(
                f"sampling.{changed[0]}: it would change models that are shared; load the pipeline by from_profile"
            )
        return cls._of(backbone, sampling)

    @classmethod
    def _of(cls, backbone: UNetBackbone, sampling: Sampling) -> Self:
        return cls(
            vae=backbone.vae,
            text_encoder=backbone.text_encoder,
            tokenizer=backbone.tokenizer,
            unet=backbone.unet,
            scheduler=chosen_scheduler(backbone.scheduler, sampling),
            **as_components({kind: backbone.controlnet(kind) for kind in kinds_of(backbone.profile)}),
            subject_encoder=backbone.encoder,
            image_encoder=backbone.image_encoder,
            feature_extractor=backbone.image_processor,
            defaults=defaults_of(sampling),
        )

    @classmethod
    def from_profile(
        cls,
        profile: Profile | str,
        *,
        style: Style = "natural",
        device: str = "cpu",
        dtype: torch.dtype | None = None,
    ) -> Self:
        """Load the pipeline of a profile, or of the profile with this name; by default in the dtype of its settings.

        The LoRAs, VAE and FreeU of its settings and all of its embeddings are loaded as diffusers loads them. Raises
        as `load_backbone`, `get_profile` and `load_adapters` do.
        """
        profile = get_profile(profile) if isinstance(profile, str) else profile
        sampling = profile.sampling(style)
        dtype = torch_dtype(sampling.dtype, device) if dtype is None else dtype
        pipe = cls._of(load_backbone(profile, device=device, dtype=dtype), sampling)
        load_adapters(pipe, profile, sampling)
        return pipe

    def unload_ip_adapter(self) -> None:
        """Remove the IP-Adapters. What the subject-encoder reads by is kept."""
        read = {name: getattr(self, name) for name in ("image_encoder", "feature_extractor")}
        super().unload_ip_adapter()
        if self.subject_encoder is not None:
            self.register_modules(**read)

    @property
    def guidance_scale(self) -> float:
        """w_c of the call.

        A callback may set `_guidance_scale`, which applies from the next step on; <= 1: unguided.
        """
        return self._guidance_scale

    @property
    def do_classifier_free_guidance(self) -> bool:
        """Whether text-guided steps use the negative prompt."""
        return self._guidance_scale > 1

    @property
    def num_timesteps(self) -> int:
        """The number of steps of the latest call: some schedulers take more than num_inference_steps."""
        return self._num_timesteps

    @property
    def interrupt(self) -> bool:
        """Whether to stop: a callback that sets `_interrupt` ends the loop, and the current latents are decoded."""
        return self._interrupt

    def _defaults(self) -> Sampling:
        """Return the settings of omitted arguments: `defaults`, or the paper's at the size that the U-Net states."""
        given = self.config.defaults
        if given is None and self.unet is None:  # only texts can be encoded, or images decoded
            return Sampling(steps=30)
        if given is None:
            size = self.unet.config.sample_size
            side = (size if isinstance(size, int) else size[0]) * self.vae_scale_factor
            return Sampling(steps=30, resolution=side)
        return from_fields(Sampling, given if self.subject_encoder is not None else {**given, "beta": 0.0})

    def _parts(self) -> UNetParts:
        return UNetParts(
            unet=self.unet,
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            scheduler=self.scheduler,
            encoder=self.subject_encoder,
            image_encoder=self.image_encoder,
            image_processor=self.feature_extractor,
            controlnets=self._controlnets(),
            place=self._execution_device,
        )

    def _controlnets(self) -> dict[Kind, ControlNetModel]:
        """Return the ControlNets by kind, in the order in which they run."""
        named = dict(zip(self.config.control_kinds or (), nets_of(self.controlnet), strict=True))
        named |= {kind: one for kind in OWN_FIELDS if (one := getattr(self, f"controlnet_{kind}")) is not None}
        return {kind: named[kind] for kind in in_order(named)}
